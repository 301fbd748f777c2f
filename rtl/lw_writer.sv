// Writes streams of beats over AXI4 in bursts of at most 16 beats that cross no 4 KB, each begun when all of its beats
// are there. A stream is done when all its bursts have been answered.
module lw_writer #(
  parameter Bus = 512,
  parameter Depth = 32
) (
  input  wire             clk_i,
  input  wire             rst_i,
  input  wire             job_valid_i,
  output wire             job_ready_o,
  input  wire [31:0]      address_i,
  input  wire [23:0]      beats_i,
  output wire             job_done_o,
  input  wire             valid_i,
  output wire             ready_o,
  input  wire [Bus-1:0]   data_i,
  output wire             aw_valid_o,
  input  wire             aw_ready_i,
  output wire [31:0]      aw_addr_o,
  output wire [7:0]       aw_len_o,
  output wire             w_valid_o,
  input  wire             w_ready_i,
  output wire [Bus-1:0]   w_data_o,
  output wire             w_last_o,
  input  wire             b_valid_i
);
  localparam BeatLog = $clog2(Bus / 8);
  localparam PageLog = 12 - BeatLog;
  localparam LevelWidth = $clog2(Depth + 1);
  localparam Most = 16;
  localparam [1:0] Idle = 0, Gather = 1, Ask = 2, Send = 3;

  reg [1:0] state_q;
  reg [31-BeatLog:0] at_q;
  reg [23:0] left_q;
  reg [4:0] burst_q;
  reg [3:0] flight_q;  // bursts not yet answered

  wire [PageLog:0] to_page = {1'b1, {PageLog{1'b0}}} - {1'b0, at_q[PageLog-1:0]};
  wire [4:0] page_beats = {{(32-PageLog-1){1'b0}}, to_page} < Most ? to_page[4:0] : Most[4:0];
  wire [4:0] beats = left_q < {19'b0, page_beats} ? left_q[4:0] : page_beats;
  wire [LevelWidth-1:0] level;
  wire gathered = {{(32-LevelWidth){1'b0}}, level} >= {27'b0, beats};
  wire asked = aw_valid_o & aw_ready_i;
  wire sent = w_valid_o & w_ready_i;
  wire finished = state_q == Gather & left_q == 0 & flight_q == 0;

  assign job_ready_o = state_q == Idle;
  assign job_done_o = finished;
  assign aw_valid_o = state_q == Ask;
  assign aw_addr_o = {at_q, {BeatLog{1'b0}}};
  assign aw_len_o = {3'b0, beats} - 1;
  assign w_valid_o = state_q == Send;
  assign w_last_o = burst_q == 1;

  always @(posedge clk_i)
    if (rst_i) begin
      state_q <= Idle;
      flight_q <= 0;
    end else begin
      case (state_q)
        Idle: if (job_valid_i) begin
          state_q <= Gather;
          at_q <= address_i[31:BeatLog];
          left_q <= beats_i;
          assert (beats_i != 0);
          assert (address_i[BeatLog-1:0] == 0);
        end
        Gather:
          if (finished) state_q <= Idle;
          else if (left_q != 0 & gathered & flight_q != 8) state_q <= Ask;
        Ask: if (asked) begin
          state_q <= Send;
          burst_q <= beats;
          at_q <= at_q + {{(32-BeatLog-5){1'b0}}, beats};
          left_q <= left_q - {19'b0, beats};
        end
        Send: if (sent) begin
          burst_q <= burst_q - 1;
          if (w_last_o) state_q <= Gather;
        end
      endcase
      if (asked & ~b_valid_i) flight_q <= flight_q + 1;
      if (~asked & b_valid_i) flight_q <= flight_q - 1;
      assert (~b_valid_i | flight_q != 0);
    end

  wire beat_valid;
  lw_fifo #(.Width(Bus), .Depth(Depth)) u_beats (
    .clk_i(clk_i), .rst_i(rst_i), .valid_i(valid_i), .ready_o(ready_o), .data_i(data_i),
    .valid_o(beat_valid), .ready_i(sent), .data_o(w_data_o), .level_o(level));
  always @(posedge clk_i) if (~rst_i) assert (~w_valid_o | beat_valid);
endmodule
