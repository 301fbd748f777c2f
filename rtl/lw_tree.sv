// The sum of T signed entries.
module lw_tree #(
  parameter T = 16,
  parameter EntryWidth = 10,
  parameter SumWidth = EntryWidth + $clog2(T)
) (
  input  wire [T*EntryWidth-1:0] values_i,
  output reg  [SumWidth-1:0]     sum_o
);
  integer t;
  always @* begin
    sum_o = 0;
    for (t = 0; t < T; t = t + 1)
      sum_o = sum_o + {{(SumWidth-EntryWidth){values_i[t*EntryWidth+EntryWidth-1]}},
                       values_i[t*EntryWidth +: EntryWidth]};
  end
endmodule
