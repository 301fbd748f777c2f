// First in, first out. What is taken at a clock edge is offered from the next cycle on.
module lw_fifo #(
  parameter Width = 8,
  parameter Depth = 4,
  parameter LevelWidth = $clog2(Depth + 1)
) (
  input  wire                  clk_i,
  input  wire                  rst_i,
  input  wire                  valid_i,
  output wire                  ready_o,
  input  wire [Width-1:0]      data_i,
  output wire                  valid_o,
  input  wire                  ready_i,
  output wire [Width-1:0]      data_o,
  output wire [LevelWidth-1:0] level_o
);
  localparam IndexWidth = Depth > 1 ? $clog2(Depth) : 1;
  localparam [LevelWidth-1:0] Full = Depth[LevelWidth-1:0];
  localparam LastIndex = Depth - 1;
  localparam [IndexWidth-1:0] Last = LastIndex[IndexWidth-1:0];

  reg [Width-1:0] mem [0:Depth-1];
  reg [IndexWidth-1:0] read_q, write_q;
  reg [LevelWidth-1:0] level_q;

  wire push = valid_i & ready_o;
  wire pop = valid_o & ready_i;
  assign ready_o = level_q != Full;
  assign valid_o = level_q != 0;
  assign data_o = mem[read_q];
  assign level_o = level_q;

  always @(posedge clk_i) begin
    if (push) mem[write_q] <= data_i;
    if (rst_i) begin
      read_q <= 0;
      write_q <= 0;
      level_q <= 0;
    end else begin
      if (push) write_q <= write_q == Last ? 0 : write_q + 1;
      if (pop) read_q <= read_q == Last ? 0 : read_q + 1;
      if (push & ~pop) level_q <= level_q + 1;
      if (pop & ~push) level_q <= level_q - 1;
      assert (level_q <= Full);
    end
  end
endmodule
