// Lookups or products of a few keys between registers, for the clock of a small FPGA: everything comes in by one pin and
// leaves by another.
module lw_small #(
  parameter Mu = 4,
  parameter T = 4,
  parameter R = 4,
  parameter XWidth = 8,
  parameter Weight = 0,
  parameter Lutram = 0
) (
  input  wire clk_i,
  input  wire bit_i,
  output reg  bit_o
);
  localparam Keys = R * T * Mu * (Weight == 0 ? 1 : Weight);
  localparam X = Mu * XWidth;
  localparam SumWidth = Weight == 0 ? XWidth + $clog2(Mu) + $clog2(T) : XWidth + Weight + $clog2(T * Mu);
  reg [Keys+X+T+1:0] inputs_q;
  wire [R*SumWidth-1:0] sums;
  wire [T-1:0] write = inputs_q[Keys+X +: T];
  always @(posedge clk_i) begin
    inputs_q <= {inputs_q[Keys+X+T:0], bit_i};
    bit_o <= ^sums;
  end
  generate
    if (Weight == 0) begin : gen_lookups
      lw_lanes #(.Mu(Mu), .T(T), .R(R), .XWidth(XWidth), .Lutram(Lutram)) u_lanes (
        .clk_i(clk_i), .write_i(write), .write_half_i(inputs_q[Keys+X+T]), .x_i(inputs_q[Keys +: X]),
        .half_i(inputs_q[Keys+X+T+1]), .keys_i(inputs_q[Keys-1:0]), .sums_q(sums));
    end else begin : gen_products
      lw_products #(.Mu(Mu), .T(T), .R(R), .XWidth(XWidth), .Weight(Weight)) u_products (
        .clk_i(clk_i), .write_i(write), .write_half_i(inputs_q[Keys+X+T]), .x_i(inputs_q[Keys +: X]),
        .half_i(inputs_q[Keys+X+T+1]), .keys_i(inputs_q[Keys-1:0]), .sums_q(sums));
    end
  endgenerate
endmodule
