// Plane sums, two banks: one is summed into while the other is read by the drain. A slot holds R x C sums of one plane.
module lw_sums #(
  parameter Slots = 64,
  parameter Lanes = 8,
  parameter InWidth = 14,
  parameter SumWidth = 20,
  parameter SlotWidth = $clog2(Slots)
) (
  input  wire                      clk_i,
  input  wire                      add_i,
  input  wire                      bank_i,
  input  wire                      first_i,
  input  wire [SlotWidth-1:0]      slot_i,
  input  wire [Lanes*InWidth-1:0]  values_i,
  input  wire                      read_bank_i,
  input  wire [SlotWidth-1:0]      read_slot_i,
  output wire [Lanes*SumWidth-1:0] sums_o
);
  reg [Lanes*SumWidth-1:0] mem0 [0:Slots-1];
  reg [Lanes*SumWidth-1:0] mem1 [0:Slots-1];
  wire [Lanes*SumWidth-1:0] old = first_i ? 0 : bank_i ? mem1[slot_i] : mem0[slot_i];
  wire [Lanes*SumWidth-1:0] sum;
  genvar i;
  generate
    for (i = 0; i < Lanes; i = i + 1) begin : gen_lane
      assign sum[i*SumWidth +: SumWidth] = old[i*SumWidth +: SumWidth] +
        {{(SumWidth-InWidth){values_i[i*InWidth+InWidth-1]}}, values_i[i*InWidth +: InWidth]};
    end
  endgenerate
  always @(posedge clk_i) begin
    if (add_i & ~bank_i) mem0[slot_i] <= sum;
    if (add_i & bank_i) mem1[slot_i] <= sum;
  end
  assign sums_o = read_bank_i ? mem1[read_slot_i] : mem0[read_slot_i];
endmodule
