// Reads streams of beats over AXI4: bursts of at most 16 beats that cross no 4 KB, at most 8 in flight, and only where
// the FIFO has room for what returns, so that the bus is never held up. The last beat of a stream is marked.
module lw_reader #(
  parameter Bus = 512,
  parameter Depth = 128
) (
  input  wire           clk_i,
  input  wire           rst_i,
  input  wire           job_valid_i,
  output wire           job_ready_o,
  input  wire [31:0]    address_i,
  input  wire [23:0]    beats_i,
  output wire           ar_valid_o,
  input  wire           ar_ready_i,
  output wire [31:0]    ar_addr_o,
  output wire [7:0]     ar_len_o,
  input  wire           r_valid_i,
  input  wire [Bus-1:0] r_data_i,
  input  wire           r_last_i,
  output wire           valid_o,
  output wire           last_o,
  input  wire           ready_i,
  output wire [Bus-1:0] data_o
);
  localparam BeatLog = $clog2(Bus / 8);
  localparam PageLog = 12 - BeatLog;  // beats in 4 KB
  localparam FreeWidth = $clog2(Depth + 1);
  localparam Most = 16;

  reg [31-BeatLog:0] at_q;  // next address, in beats
  reg [23:0] left_q;
  reg [FreeWidth-1:0] free_q;
  reg ar_valid_q;
  reg [31-BeatLog:0] ar_at_q;
  reg [7:0] ar_len_q;

  wire [PageLog:0] to_page = {1'b1, {PageLog{1'b0}}} - {1'b0, at_q[PageLog-1:0]};
  wire [4:0] page_beats = {{(32-PageLog-1){1'b0}}, to_page} < Most ? to_page[4:0] : Most[4:0];
  wire [4:0] beats = left_q < {19'b0, page_beats} ? left_q[4:0] : page_beats;
  wire flight_ready, flight_valid, flight_final;
  wire room = {{(32-FreeWidth){1'b0}}, free_q} >= {27'b0, beats};
  wire ask = ~ar_valid_q & left_q != 0 & room & flight_ready;
  wire taken = valid_o & ready_i;
  wire fifo_ready;

  assign job_ready_o = left_q == 0;
  assign ar_valid_o = ar_valid_q;
  assign ar_addr_o = {ar_at_q, {BeatLog{1'b0}}};
  assign ar_len_o = ar_len_q;

  always @(posedge clk_i)
    if (rst_i) begin
      left_q <= 0;
      free_q <= Depth[FreeWidth-1:0];
      ar_valid_q <= 0;
    end else begin
      if (job_ready_o & job_valid_i) begin
        at_q <= address_i[31:BeatLog];
        left_q <= beats_i;
        assert (beats_i != 0);
        assert (address_i[BeatLog-1:0] == 0);
      end
      if (ask) begin
        ar_valid_q <= 1;
        ar_at_q <= at_q;
        ar_len_q <= {3'b0, beats} - 1;
        at_q <= at_q + {{(32-BeatLog-5){1'b0}}, beats};
        left_q <= left_q - {19'b0, beats};
      end else if (ar_ready_i) ar_valid_q <= 0;
      free_q <= free_q - (ask ? {{(FreeWidth-5){1'b0}}, beats} : 0) + {{(FreeWidth-1){1'b0}}, taken};
      assert (~r_valid_i | (fifo_ready & flight_valid));
    end

  lw_fifo #(.Width(1), .Depth(8)) u_flight (
    .clk_i(clk_i), .rst_i(rst_i), .valid_i(ask), .ready_o(flight_ready), .data_i(left_q == {19'b0, beats}),
    .valid_o(flight_valid), .ready_i(r_valid_i & r_last_i), .data_o(flight_final), .level_o());
  lw_fifo #(.Width(Bus + 1), .Depth(Depth)) u_beats (
    .clk_i(clk_i), .rst_i(rst_i), .valid_i(r_valid_i), .ready_o(fifo_ready),
    .data_i({r_last_i & flight_final, r_data_i}),
    .valid_o(valid_o), .ready_i(ready_i), .data_o({last_o, data_o}), .level_o());
endmodule
