// The integer epilogue of classes with static scales: a rounding right shift, ties to even, then ReLU where asked for,
// then saturation to +-(2^(Width-1) - 1).
module lw_epilogue #(
  parameter InWidth = 48,
  parameter Width = 8
) (
  input  wire [InWidth-1:0] total_i,
  input  wire [5:0]         shift_i,
  input  wire               relu_i,
  output wire [Width-1:0]   value_o,
  output wire               saturated_o
);
  localparam [InWidth-1:0] One = 1;
  wire signed [InWidth-1:0] total = total_i;
  wire signed [InWidth-1:0] shifted = total >>> shift_i;
  wire [InWidth-1:0] unit = One << shift_i;
  wire [InWidth-1:0] rest = total_i & (unit - One);
  wire [InWidth-1:0] half = unit >> 1;
  wire up = shift_i != 0 & (rest > half | (rest == half & shifted[0]));
  wire [InWidth-1:0] rounded = shifted + {{(InWidth-1){1'b0}}, up};
  wire minus = rounded[InWidth-1];
  wire high = ~minus & (|rounded[InWidth-2:Width-1]);
  wire low = minus & (~(&rounded[InWidth-2:Width-1]) | rounded[Width-2:0] == 0);
  assign saturated_o = high | (low & ~relu_i);
  assign value_o = minus & relu_i ? 0 :
    high ? {1'b0, {(Width-1){1'b1}}} :
    low ? {1'b1, {(Width-2){1'b0}}, 1'b1} : rounded[Width-1:0];
endmodule
