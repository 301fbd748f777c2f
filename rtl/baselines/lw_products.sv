// What stands in the place of the lookups in the baselines: each weight is multiplied by its activation, and adder trees sum
// the products. A key is a weight's Weight bits, v in two's complement, and its weight is 2 v + 1; with one bit, the bit-serial
// array, v is -1 or 0, and a product is an AND. So a tree gives 2 sum(v x) + sum(x), of which the second term is the tile's and
// is kept beside its activations. Weight i of row r at ((r * T * Mu) + i) * Weight; the sums are there one cycle later.
module lw_products #(
  parameter Mu = 4,
  parameter T = 16,
  parameter R = 8,
  parameter C = 1,
  parameter XWidth = 8,
  parameter Weight = 8,
  parameter Columns = T * Mu,
  parameter SumWidth = XWidth + Weight + $clog2(Columns)
) (
  input  wire                        clk_i,
  input  wire [T-1:0]                write_i,
  input  wire                        write_half_i,
  input  wire [C*Mu*XWidth-1:0]      x_i,
  input  wire                        half_i,
  input  wire [R*Columns*Weight-1:0] keys_i,
  output reg  [C*R*SumWidth-1:0]     sums_q
);
  localparam ProductWidth = XWidth + Weight - 1;
  wire [C*R*SumWidth-1:0] sums;
  genvar c, t, r, i;
  generate
    for (c = 0; c < C; c = c + 1) begin : gen_column
      // Two halves of activations, and their sums
      reg [Columns*XWidth-1:0] x0_q, x1_q;
      reg [SumWidth-1:0] total0_q, total1_q;
      wire [Mu*XWidth-1:0] word = x_i[c*Mu*XWidth +: Mu*XWidth];
      wire [SumWidth-1:0] word_sum;
      wire [SumWidth-1:0] so_far = write_half_i ? total1_q : total0_q;
      wire [SumWidth-1:0] total = write_i[0] ? word_sum : so_far + word_sum;
      lw_tree #(.T(Mu), .EntryWidth(XWidth), .SumWidth(SumWidth)) u_word (.values_i(word), .sum_o(word_sum));
      always @(posedge clk_i)
        if (write_i != 0) begin
          if (write_half_i) total1_q <= total;
          else total0_q <= total;
        end
      for (t = 0; t < T; t = t + 1) begin : gen_word
        always @(posedge clk_i)
          if (write_i[t]) begin
            if (write_half_i) x1_q[t*Mu*XWidth +: Mu*XWidth] <= word;
            else x0_q[t*Mu*XWidth +: Mu*XWidth] <= word;
          end
      end
      wire [Columns*XWidth-1:0] x = half_i ? x1_q : x0_q;
      wire [SumWidth-1:0] tile = half_i ? total1_q : total0_q;
      for (r = 0; r < R; r = r + 1) begin : gen_row
        wire [Columns*ProductWidth-1:0] products;
        for (i = 0; i < Columns; i = i + 1) begin : gen_product
          if (Weight == 1) begin : gen_and // -(x where the bit is clear); the tree's sum is negated
            assign products[i*ProductWidth +: ProductWidth] = x[i*XWidth +: XWidth] & {XWidth{~keys_i[r*Columns + i]}};
          end else begin : gen_multiplier
            wire signed [Weight-1:0] v = keys_i[(r*Columns + i)*Weight +: Weight];
            wire signed [XWidth-1:0] a = x[i*XWidth +: XWidth];
            wire signed [Weight+XWidth-1:0] product = v * a;
            assign products[i*ProductWidth +: ProductWidth] = product[ProductWidth-1:0];
            wire unused_sign = product[ProductWidth]; // |v a| <= 2^(Weight-1) * 127
          end
        end
        wire [SumWidth-2:0] sum;
        wire [SumWidth-1:0] twice = {sum, 1'b0};
        lw_tree #(.T(Columns), .EntryWidth(ProductWidth), .SumWidth(SumWidth - 1)) u_tree (.values_i(products), .sum_o(sum));
        assign sums[(c*R + r)*SumWidth +: SumWidth] = Weight == 1 ? tile - twice : tile + twice;
      end
    end
  endgenerate
  always @(posedge clk_i) sums_q <= sums;
endmodule
