// Entries of a table: signed sums of Mu activations, the last with +. Entry v has activation i with + where bit i of v is set.
// All of them, or Count from the entry first_i on.
module lw_entries #(
  parameter Mu = 4,
  parameter XWidth = 8,
  parameter Count = 1 << (Mu - 1),
  parameter EntryWidth = XWidth + $clog2(Mu)
) (
  input  wire [Mu*XWidth-1:0]        x_i,
  input  wire [Mu-2:0]               first_i,
  output reg  [Count*EntryWidth-1:0] entries_o
);
  // The last is added; of the others, what is not set is taken away.
  integer e, i;
  reg [Mu-2:0] key;
  reg [EntryWidth-1:0] sum, term;
  always @* begin
    for (e = 0; e < Count; e = e + 1) begin
      key = e[Mu-2:0] + (Count == 1 << (Mu - 1) ? 0 : first_i);
      sum = {{(EntryWidth-XWidth){x_i[Mu*XWidth-1]}}, x_i[(Mu-1)*XWidth +: XWidth]};
      for (i = 0; i < Mu - 1; i = i + 1) begin
        term = {{(EntryWidth-XWidth){x_i[i*XWidth+XWidth-1]}}, x_i[i*XWidth +: XWidth]};
        sum = key[i] ? sum + term : sum - term;
      end
      entries_o[e*EntryWidth +: EntryWidth] = sum;
    end
  end
endmodule
