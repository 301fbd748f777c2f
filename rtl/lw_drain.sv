// Reads full banks of plane sums and forms R = bias + sum over planes of scale * plane sum, exactly, for Sl rows and all
// C columns at a time. The scale stream has for each Sl rows: the bias in words of 16 bits a row, low words first, then
// one scale a row for each plane. Element: one word of the scale stream, one cycle.
module lw_drain #(
  parameter R = 8,
  parameter C = 1,
  parameter Sl = 8,
  parameter Slots = 64,
  parameter SumWidth = 20,
  parameter Credits = 4,
  parameter XWidth = 8,
  parameter SlotWidth = $clog2(Slots),
  parameter OutWidth = 48,
  parameter CountWidth = $clog2(Sl * C + 1)
) (
  input  wire                    clk_i,
  input  wire                    rst_i,
  input  wire                    job_valid_i,
  output wire                    job_ready_o,
  input  wire [3:0]              planes_i,
  input  wire [1:0]              bias_words_i,
  input  wire                    narrow_i,  // results through the epilogue
  input  wire                    relu_i,
  input  wire [5:0]              shift_i,
  input  wire [15:0]             passes_i,
  input  wire [15:0]             pass_blocks_i,
  input  wire [15:0]             last_blocks_i,
  // Banks of plane sums
  input  wire [1:0]              full_i,
  output wire                    bank_o,
  output wire [SlotWidth-1:0]    slot_o,
  input  wire [C*R*SumWidth-1:0] sums_i,
  output wire                    drained_o,
  // Scales
  input  wire                    scale_valid_i,
  output wire                    scale_ready_o,
  output wire                    scale_clear_o,
  input  wire [Sl*16-1:0]        scales_i,
  // Results, two cycles later; there is room for Credits of them, and taken_i makes room for one
  output reg                     valid_q,
  output reg                     last_q,
  output reg                     narrow_q,
  output wire [Sl*C*64-1:0]      result_o,  // 64 bits each; where narrow, XWidth bits each
  input  wire                    taken_i,
  // For the counters
  output wire                    sum_read_o,
  output reg  [CountWidth-1:0]   saturations_o,
  output wire                    alpha_wait_o,
  output wire                    y_wait_o
);
  localparam Groups = R / Sl;
  localparam GroupWidth = Groups > 1 ? $clog2(Groups) : 1;
  localparam LastGroupNumber = Groups - 1;
  localparam [GroupWidth-1:0] LastGroup = LastGroupNumber[GroupWidth-1:0];

  reg active_q, bank_q, bias_q;
  reg [3:0] planes_q, plane_q;
  reg [7:0] mode_q, term_mode_q, result_mode_q;  // narrow, ReLU, shift
  reg [1:0] bias_words_q, bias_word_q;
  reg [15:0] passes_left_q, pass_blocks_q, last_blocks_q, block_q;
  reg [SlotWidth-1:0] base_q;
  reg [GroupWidth-1:0] group_q;
  reg [$clog2(Credits+1)-1:0] credits_q;

  wire last_word = bias_word_q + 1 == bias_words_q;
  wire last_plane = ~bias_q & plane_q + 1 == planes_q;
  wire last_group = group_q == LastGroup;
  wire last_pass = passes_left_q == 1;
  wire last_block = block_q + 1 == (last_pass ? last_blocks_q : pass_blocks_q);
  wire full = active_q & full_i[bank_q];
  wire room = ~last_plane | credits_q != 0;
  wire issue = full & scale_valid_i & room;
  wire issue_result = issue & last_plane;
  wire [SlotWidth+3:0] plane_slot = {{SlotWidth{1'b0}}, plane_q};
  wire unused_plane_slot = |plane_slot[SlotWidth+3:SlotWidth];

  assign job_ready_o = ~active_q;
  assign bank_o = bank_q;
  assign slot_o = base_q + plane_slot[SlotWidth-1:0];
  assign drained_o = issue_result & last_group & last_block;
  assign scale_ready_o = full & room;
  assign scale_clear_o = drained_o & last_pass;
  assign sum_read_o = issue & ~bias_q;
  assign alpha_wait_o = full & ~scale_valid_i;
  assign y_wait_o = full & scale_valid_i & ~room;

  always @(posedge clk_i)
    if (rst_i) begin
      active_q <= 0;
      bank_q <= 0;
      credits_q <= Credits[$clog2(Credits+1)-1:0];
    end else begin
      if (~active_q & job_valid_i) begin
        active_q <= 1;
        planes_q <= planes_i;
        bias_words_q <= bias_words_i;
        mode_q <= {narrow_i, relu_i, shift_i};
        passes_left_q <= passes_i;
        pass_blocks_q <= pass_blocks_i;
        last_blocks_q <= last_blocks_i;
        bias_q <= 1;
        bias_word_q <= 0;
        plane_q <= 0;
        group_q <= 0;
        block_q <= 0;
        base_q <= 0;
      end
      if (issue & bias_q) begin
        bias_word_q <= last_word ? 0 : bias_word_q + 1;
        if (last_word) bias_q <= 0;
      end
      if (issue & ~bias_q) plane_q <= last_plane ? 0 : plane_q + 1;
      if (issue_result) begin
        bias_q <= 1;
        group_q <= last_group ? 0 : group_q + 1;
        if (last_group) begin
          base_q <= last_block ? 0 : slot_o + 1;
          block_q <= last_block ? 0 : block_q + 1;
          if (last_block) begin
            bank_q <= ~bank_q;
            passes_left_q <= passes_left_q - 1;
            if (last_pass) active_q <= 0;
          end
        end
      end
      if (issue_result & ~taken_i) credits_q <= credits_q - 1;
      if (~issue_result & taken_i) credits_q <= credits_q + 1;
    end

  // The element's operands, and a cycle later its term in the sums
  wire [Sl*C*SumWidth-1:0] group_sums;
  genvar l, c;
  generate
    for (c = 0; c < C; c = c + 1) begin : gen_pick_column
      if (Groups == 1) begin : gen_all
        assign group_sums[c*Sl*SumWidth +: Sl*SumWidth] = sums_i[c*R*SumWidth +: R*SumWidth];
      end else begin : gen_one
        wire [R*SumWidth-1:0] column = sums_i[c*R*SumWidth +: R*SumWidth];
        assign group_sums[c*Sl*SumWidth +: Sl*SumWidth] = column[group_q*Sl*SumWidth +: Sl*SumWidth];
      end
    end
  endgenerate
  reg term_q, term_first_q, term_bias_q, term_signed_q, term_end_q, term_last_q;
  reg [1:0] term_word_q;
  reg [Sl*C*SumWidth-1:0] sums_q;
  reg [Sl*16-1:0] scales_q;
  always @(posedge clk_i) begin
    if (issue) begin
      sums_q <= group_sums;
      scales_q <= scales_i;
    end
    term_first_q <= bias_q & bias_word_q == 0;
    term_bias_q <= bias_q;
    term_signed_q <= last_word;
    term_word_q <= bias_word_q;
    term_end_q <= last_plane;
    term_last_q <= scale_clear_o;
    term_mode_q <= mode_q;
    result_mode_q <= term_mode_q;
    narrow_q <= term_mode_q[7];
    term_q <= issue & ~rst_i;
    valid_q <= term_q & term_end_q & ~rst_i;
    last_q <= term_last_q;
  end
  wire [Sl*C*64-1:0] wide;
  wire [Sl*C*XWidth-1:0] values;
  wire [Sl*C-1:0] saturated;
  integer v;
  always @* begin
    saturations_o = 0;
    for (v = 0; v < Sl * C; v = v + 1)
      if (saturated[v] & valid_q & narrow_q) saturations_o = saturations_o + 1;
  end
  wire unused_mode = result_mode_q[7];
  assign result_o = narrow_q ? {{(Sl*C*(64-XWidth)){1'b0}}, values} : wide;
  generate
    for (l = 0; l < Sl; l = l + 1) begin : gen_lane
      wire signed [15:0] scale = scales_q[l*16 +: 16];
      wire [OutWidth-1:0] word = {{(OutWidth-16){term_signed_q & scale[15]}}, scale};
      wire [OutWidth-1:0] bias = word << {term_word_q, 4'b0};
      for (c = 0; c < C; c = c + 1) begin : gen_column
        wire signed [SumWidth-1:0] sum = sums_q[(c*Sl + l)*SumWidth +: SumWidth];
        wire signed [SumWidth+15:0] product = sum * scale;
        wire [OutWidth-1:0] term = term_bias_q ? bias :
          {{(OutWidth-SumWidth-16){product[SumWidth+15]}}, product};
        reg [OutWidth-1:0] total_q;
        always @(posedge clk_i)
          if (term_q) total_q <= (term_first_q ? 0 : total_q) + term;
        lw_epilogue #(.InWidth(OutWidth), .Width(XWidth)) u_epilogue (
          .total_i(total_q), .shift_i(result_mode_q[5:0]), .relu_i(result_mode_q[6]),
          .value_o(values[(l*C + c)*XWidth +: XWidth]), .saturated_o(saturated[l*C + c]));
        assign wide[(l*C + c)*64 +: 64] = {{(64-OutWidth){total_q[OutWidth-1]}}, total_q};
      end
    end
  endgenerate
endmodule
