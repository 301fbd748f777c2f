// The lookups and adder trees: a step of R rows x T tables of keys gives R plane sums a column of activations, one
// cycle later. Bits of a step: row r, table t, activation i of the table at ((r * T) + t) * Mu + i.
module lw_lanes #(
  parameter Mu = 4,
  parameter T = 16,
  parameter R = 8,
  parameter C = 1,
  parameter XWidth = 8,
  parameter Lutram = 0,
  parameter EntryWidth = XWidth + $clog2(Mu),
  parameter SumWidth = EntryWidth + $clog2(T)
) (
  input  wire                    clk_i,
  input  wire [T-1:0]            write_i,
  input  wire                    write_half_i,
  input  wire [C*Mu*XWidth-1:0]  x_i,
  input  wire                    half_i,
  input  wire [R*T*Mu-1:0]       keys_i,
  output reg  [C*R*SumWidth-1:0] sums_q
);
  wire [C*R*SumWidth-1:0] sums;
  genvar c, t, r;
  generate
    for (c = 0; c < C; c = c + 1) begin : gen_column
      wire [T*R*EntryWidth-1:0] values;
      for (t = 0; t < T; t = t + 1) begin : gen_table
        wire [R*Mu-1:0] keys;
        for (r = 0; r < R; r = r + 1) begin : gen_key
          assign keys[r*Mu +: Mu] = keys_i[(r*T + t)*Mu +: Mu];
        end
        lw_table #(.Mu(Mu), .R(R), .XWidth(XWidth), .Lutram(Lutram)) u_table (
          .clk_i(clk_i), .write_i(write_i[t]), .write_half_i(write_half_i),
          .x_i(x_i[c*Mu*XWidth +: Mu*XWidth]), .half_i(half_i), .keys_i(keys),
          .values_o(values[t*R*EntryWidth +: R*EntryWidth]));
      end
      for (r = 0; r < R; r = r + 1) begin : gen_tree
        wire [T*EntryWidth-1:0] row;
        for (t = 0; t < T; t = t + 1) begin : gen_value
          assign row[t*EntryWidth +: EntryWidth] = values[(t*R + r)*EntryWidth +: EntryWidth];
        end
        lw_tree #(.T(T), .EntryWidth(EntryWidth)) u_tree (
          .values_i(row), .sum_o(sums[(c*R + r)*SumWidth +: SumWidth]));
      end
    end
  endgenerate
  always @(posedge clk_i) sums_q <= sums;
endmodule
