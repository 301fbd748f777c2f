// Counts events in 64 bits: one a cycle of each kind, of the last kind as many as amount_i says.
module lw_counters #(
  parameter Count = 21,
  parameter AmountWidth = 4,
  parameter IndexWidth = $clog2(Count)
) (
  input  wire                   clk_i,
  input  wire                   clear_i,
  input  wire [Count-1:0]       events_i,
  input  wire [AmountWidth-1:0] amount_i,
  input  wire [IndexWidth-1:0]  index_i,
  output wire [63:0]            value_o
);
  reg [63:0] values_q [0:Count-1];
  integer i;
  always @(posedge clk_i)
    for (i = 0; i < Count; i = i + 1)
      if (clear_i) values_q[i] <= 0;
      else if (events_i[i]) values_q[i] <= values_q[i] + (i == Count - 1 ? {{(64-AmountWidth){1'b0}}, amount_i} : 1);
  assign value_o = index_i < Count[IndexWidth-1:0] ? values_q[index_i] : 0;
endmodule
