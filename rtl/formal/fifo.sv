// A FIFO loses, doubles, reorders and changes nothing: an item is watched from any push on, and comes out after exactly
// the items that were there before it. It offers where it holds something and takes where it has room, so that it never
// holds up either side for good.
`default_nettype none
module fifo_proof (
  input wire       clk_i,
  input wire       valid_i,
  input wire       ready_i,
  input wire [3:0] data_i,
  input wire       watch_i
);
  localparam Depth = `DEPTH;
  localparam LevelWidth = $clog2(Depth + 1);
  reg rst_q = 1;
  always @(posedge clk_i) rst_q <= 0;

  wire ready, valid;
  wire [3:0] data;
  wire [LevelWidth-1:0] level;
  lw_fifo #(.Width(4), .Depth(Depth)) u_fifo (
    .clk_i(clk_i), .rst_i(rst_q), .valid_i(valid_i), .ready_o(ready), .data_i(data_i), .valid_o(valid),
    .ready_i(ready_i), .data_o(data), .level_o(level));
  wire push = valid_i & ready;
  wire pop = valid & ready_i;

  reg [7:0] count_q;    // pushed and not popped
  reg watching_q;
  reg [7:0] ahead_q;    // items before the watched one
  reg [3:0] watched_q;
  always @(posedge clk_i)
    if (rst_q) begin
      count_q <= 0;
      watching_q <= 0;
    end else begin
      count_q <= count_q + {7'b0, push} - {7'b0, pop};
      if (watching_q) begin
        if (pop) ahead_q <= ahead_q - 1;
        if (pop & ahead_q == 0) watching_q <= 0;
      end else if (push & watch_i) begin
        watching_q <= 1;
        watched_q <= data_i;
        ahead_q <= count_q - {7'b0, pop};
      end
    end

  always @*
    if (~rst_q) begin
      assert (count_q <= Depth);
      assert (level == count_q);
      assert (valid == (count_q != 0));
      assert (ready == (count_q != Depth));
      if (watching_q & ahead_q == 0) assert (valid & data == watched_q);
    end

`ifdef INVARIANTS
  // Invariants: places in the memory
  (* hierconn *) wire [$clog2(Depth)-1:0] \u_fifo.read_q , \u_fifo.write_q ;
  (* hierconn *) wire [3:0] \u_fifo.mem[0] , \u_fifo.mem[1] , \u_fifo.mem[2] , \u_fifo.mem[3] ;
  wire [7:0] at = \u_fifo.read_q + ahead_q;
  wire [7:0] place = at < Depth ? at : at - Depth;
  wire [7:0] next = \u_fifo.read_q + count_q;
  reg [3:0] word;
`ifdef DEPTH_5
  (* hierconn *) wire [3:0] \u_fifo.mem[4] ;
  wire [3:0] fifth = \u_fifo.mem[4] ;
`else
  wire [3:0] fifth = 0;
`endif
  always @*
    case (place)
      0: word = \u_fifo.mem[0] ;
      1: word = \u_fifo.mem[1] ;
      2: word = \u_fifo.mem[2] ;
      3: word = \u_fifo.mem[3] ;
      default: word = fifth;
    endcase
  always @*
    if (~rst_q) begin
      assert (\u_fifo.read_q < Depth);
      assert (\u_fifo.write_q == (next < Depth ? next : next - Depth));
      if (watching_q) assert (ahead_q < count_q & word == watched_q);
    end
`endif
endmodule
