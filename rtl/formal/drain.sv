// The drain reads only full banks, in turn, each block's planes once for each group of rows, and lets go of a bank when
// it has read the last. With scales and room there it never waits.
// Assumed: a bank stays full until it is drained (proof control); results are taken only after they are given.
`default_nettype none
module drain_proof (
  input wire        clk_i,
  input wire        job_valid_i,
  input wire [3:0]  planes_i,
  input wire [1:0]  bias_words_i,
  input wire [15:0] passes_i,
  input wire [15:0] pass_blocks_i,
  input wire [15:0] last_blocks_i,
  input wire [1:0]  filled_i,
  input wire        scale_valid_i,
  input wire        taken_i
);
  localparam Groups = 2, Credits = 4;
  reg rst_q = 1;
  always @(posedge clk_i) rst_q <= 0;

  wire job_ready, bank, drained, scale_ready, scale_clear, valid, last, narrow, sum_read, saturations, alpha_wait, y_wait;
  wire [3:0] slot;
  wire [63:0] result;
  reg [1:0] full_q;
  lw_drain #(.R(Groups), .C(1), .Sl(1), .Slots(16), .SumWidth(2), .Credits(Credits), .XWidth(4), .OutWidth(20)) u_drain (
    .clk_i(clk_i), .rst_i(rst_q), .job_valid_i(job_valid_i), .job_ready_o(job_ready), .planes_i(planes_i),
    .bias_words_i(bias_words_i), .narrow_i(1'b0), .relu_i(1'b0), .shift_i(6'b0), .passes_i(passes_i),
    .pass_blocks_i(pass_blocks_i), .last_blocks_i(last_blocks_i), .full_i(full_q), .bank_o(bank), .slot_o(slot),
    .sums_i(4'b0), .drained_o(drained), .scale_valid_i(scale_valid_i), .scale_ready_o(scale_ready),
    .scale_clear_o(scale_clear), .scales_i(16'b0), .valid_q(valid), .last_q(last), .narrow_q(narrow),
    .result_o(result), .taken_i(taken_i), .sum_read_o(sum_read), .saturations_o(saturations),
    .alpha_wait_o(alpha_wait), .y_wait_o(y_wait));
  wire taken = scale_valid_i & scale_ready;
  always @* assume (planes_i != 0 & bias_words_i != 0 & passes_i != 0 & pass_blocks_i != 0 & last_blocks_i != 0);

  // The definition's loops: passes, blocks, groups, then words of the bias and planes
  reg work_q, bank_q;
  reg [3:0] planes_q, base_q;
  reg [1:0] words_q;
  reg [15:0] passes_q, pass_blocks_q, last_blocks_q, pass_q, block_q;
  reg [7:0] group_q, element_q, room_q, held_q;
  wire elements_end = element_q + 1 == words_q + planes_q;
  wire groups_end = group_q == Groups - 1;
  wire passes_end = pass_q == passes_q - 1;
  wire blocks_end = block_q == (passes_end ? last_blocks_q : pass_blocks_q) - 1;
  wire end_bank = taken & elements_end & groups_end & blocks_end;
  wire given = taken & elements_end;
  always @(posedge clk_i)
    if (rst_q) begin
      work_q <= 0;
      bank_q <= 0;
      full_q <= 0;
      room_q <= Credits;
      held_q <= 0;
    end else begin
      full_q <= (full_q | filled_i) & ~(drained ? 2'b1 << bank : 2'b0);
      room_q <= room_q + taken_i - given;
      held_q <= held_q + valid - taken_i;
      if (~work_q) begin
        if (job_valid_i) begin
          work_q <= 1;
          planes_q <= planes_i;
          words_q <= bias_words_i;
          passes_q <= passes_i;
          pass_blocks_q <= pass_blocks_i;
          last_blocks_q <= last_blocks_i;
          pass_q <= 0;
          block_q <= 0;
          group_q <= 0;
          element_q <= 0;
          base_q <= 0;
        end
      end else if (taken) begin
        element_q <= elements_end ? 0 : element_q + 1;
        if (elements_end) group_q <= groups_end ? 0 : group_q + 1;
        if (elements_end & groups_end) block_q <= blocks_end ? 0 : block_q + 1;
        if (elements_end & groups_end) base_q <= blocks_end ? 0 : base_q + planes_q;
        if (end_bank) begin
          bank_q <= ~bank_q;
          pass_q <= pass_q + 1;
          if (passes_end) work_q <= 0;
        end
      end
    end

  always @* begin
    assume (~(taken_i & held_q == 0));
    if (~rst_q) begin
      if (taken) assert (work_q & full_q[bank_q] & bank == bank_q);
      assert (sum_read == (taken & element_q >= words_q));
      if (sum_read) assert (slot == base_q + element_q[3:0] - words_q);
      assert (drained == end_bank);
      assert (scale_clear == (end_bank & passes_end));
      // Never more results than there is room for, and no waiting without a cause
      assert (held_q <= Credits);
      if (work_q & full_q[bank_q] & scale_valid_i & room_q != 0) assert (taken);
      if (~work_q) assert (job_ready);
    end
  end

`ifdef INVARIANTS
  // Invariants
  (* hierconn *) wire \u_drain.active_q , \u_drain.bank_q , \u_drain.bias_q , \u_drain.term_q , \u_drain.term_end_q ;
  (* hierconn *) wire [3:0] \u_drain.planes_q , \u_drain.plane_q , \u_drain.base_q ;
  (* hierconn *) wire [1:0] \u_drain.bias_words_q , \u_drain.bias_word_q ;
  (* hierconn *) wire [15:0] \u_drain.passes_left_q , \u_drain.pass_blocks_q , \u_drain.last_blocks_q , \u_drain.block_q ;
  (* hierconn *) wire \u_drain.group_q ;
  (* hierconn *) wire [2:0] \u_drain.credits_q ;
  always @*
    if (~rst_q) begin
      assert (\u_drain.active_q == work_q & \u_drain.bank_q == bank_q);
      assert (\u_drain.credits_q == room_q);
      assert (room_q + held_q + valid + (\u_drain.term_q & \u_drain.term_end_q ) == Credits);
      if (work_q) begin
        assert (\u_drain.planes_q == planes_q & \u_drain.bias_words_q == words_q & planes_q != 0 & words_q != 0);
        assert (\u_drain.pass_blocks_q == pass_blocks_q & \u_drain.last_blocks_q == last_blocks_q);
        assert (\u_drain.passes_left_q == passes_q - pass_q & pass_q < passes_q);
        assert (pass_blocks_q != 0 & last_blocks_q != 0 & block_q < (passes_end ? last_blocks_q : pass_blocks_q));
        assert (\u_drain.block_q == block_q & \u_drain.group_q == group_q & group_q < Groups);
        assert (element_q < words_q + planes_q & \u_drain.bias_q == (element_q < words_q));
        assert (\u_drain.bias_word_q == (element_q < words_q ? element_q : 0));
        assert (\u_drain.plane_q == (element_q < words_q ? 0 : element_q - words_q));
        assert (\u_drain.base_q == base_q);
      end
    end
`endif
endmodule
