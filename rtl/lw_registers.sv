// Registers behind AXI4-Lite: one access at a time, answered the cycle after it is taken.
module lw_registers #(
  parameter [31:0] Shape = 0,
  parameter [31:0] Memory = 0,
  parameter Count = 21,
  parameter IndexWidth = $clog2(Count)
) (
  input  wire                  clk_i,
  input  wire                  rst_i,
  input  wire                  aw_valid_i,
  output wire                  aw_ready_o,
  input  wire [11:0]           aw_addr_i,
  input  wire                  w_valid_i,
  output wire                  w_ready_o,
  input  wire [31:0]           w_data_i,
  output reg                   b_valid_o,
  input  wire                  b_ready_i,
  input  wire                  ar_valid_i,
  output wire                  ar_ready_o,
  input  wire [11:0]           ar_addr_i,
  output reg                   r_valid_o,
  input  wire                  r_ready_i,
  output reg  [31:0]           r_data_o,
  // The engine
  output wire                  start_o,
  output reg  [31:0]           descriptor_q,
  input  wire                  busy_i,
  input  wire                  done_i,
  input  wire [2:0]            error_i,
  input  wire [10:0]           units_i,
  output wire [IndexWidth-1:0] counter_o,
  input  wire [63:0]           counter_i
);
`include "lw_registers.svh"
  wire write = aw_valid_i & w_valid_i & ~b_valid_o;
  wire read = ar_valid_i & ~r_valid_o;
  assign aw_ready_o = write;
  assign w_ready_o = write;
  assign ar_ready_o = read;
  assign start_o = write & aw_addr_i == RegControl & w_data_i[0] & ~busy_i;
  assign counter_o = ar_addr_i[3 +: IndexWidth];

  always @(posedge clk_i) begin
    if (write & aw_addr_i == RegDescriptor) descriptor_q <= w_data_i;
    if (read)
      case (ar_addr_i)
        RegStatus: r_data_o <= {25'b0, error_i, 1'b0, error_i != 0, done_i, busy_i};
        RegDescriptor: r_data_o <= descriptor_q;
        RegVersion: r_data_o <= 1;
        RegShape: r_data_o <= Shape;
        RegMemory: r_data_o <= Memory;
        RegUnits: r_data_o <= {21'b0, units_i};
        default: r_data_o <= ar_addr_i < RegCounters ? 0 : ar_addr_i[2] ? counter_i[63:32] : counter_i[31:0];
      endcase
    if (rst_i) begin
      b_valid_o <= 0;
      r_valid_o <= 0;
    end else begin
      b_valid_o <= write | (b_valid_o & ~b_ready_i);
      r_valid_o <= read | (r_valid_o & ~r_ready_i);
    end
  end
endmodule
