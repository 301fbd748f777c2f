// Two masters' read requests on one port: the first goes before the second, and what is offered stays until it is taken.
module lw_arbiter (
  input  wire        clk_i,
  input  wire        rst_i,
  input  wire        valid0_i,
  output wire        ready0_o,
  input  wire [31:0] addr0_i,
  input  wire [7:0]  len0_i,
  input  wire        valid1_i,
  output wire        ready1_o,
  input  wire [31:0] addr1_i,
  input  wire [7:0]  len1_i,
  output wire        valid_o,
  input  wire        ready_i,
  output wire        id_o,
  output wire [31:0] addr_o,
  output wire [7:0]  len_o
);
  reg held_q;  // the second is offered
  assign id_o = held_q | ~valid0_i;
  assign valid_o = valid0_i | valid1_i;
  assign addr_o = id_o ? addr1_i : addr0_i;
  assign len_o = id_o ? len1_i : len0_i;
  assign ready0_o = ready_i & ~id_o;
  assign ready1_o = ready_i & id_o;
  always @(posedge clk_i)
    if (rst_i) held_q <= 0;
    else held_q <= valid1_i & id_o & ~ready_i;
endmodule
