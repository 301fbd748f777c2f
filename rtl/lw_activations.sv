// Holds the activations of two vectors (each of C columns), Mu of each column a word: one is loaded while the other is
// read. A load is of tiles x T words.
module lw_activations #(
  parameter T = 16,
  parameter XWords = 512,
  parameter Width = 32,
  parameter AddressWidth = $clog2(XWords)
) (
  input  wire                    clk_i,
  input  wire                    rst_i,
  input  wire                    load_i,
  input  wire                    load_half_i,
  input  wire [15:0]             load_tiles_i,
  output wire                    loading_o,
  input  wire                    valid_i,
  input  wire [Width-1:0]        data_i,
  output wire                    ready_o,
  output wire                    last_o,
  output reg  [AddressWidth:0]   level0_q,
  output reg  [AddressWidth:0]   level1_q,
  input  wire                    read_i,
  input  wire                    read_half_i,
  input  wire [AddressWidth-1:0] read_address_i,
  output reg  [Width-1:0]        data_q
);
  localparam IndexWidth = T > 1 ? $clog2(T) : 1;
  localparam LastTable = T - 1;
  localparam [IndexWidth-1:0] Last = LastTable[IndexWidth-1:0];

  reg [Width-1:0] mem [0:2*XWords-1];
  reg loading_q, half_q;
  reg [15:0] tiles_left_q;
  reg [IndexWidth-1:0] table_q;
  wire [AddressWidth:0] level = half_q ? level1_q : level0_q;
  wire write = loading_q & valid_i;

  assign loading_o = loading_q;
  assign ready_o = loading_q;
  assign last_o = table_q == Last & tiles_left_q == 1;

  always @(posedge clk_i) begin
    if (write) mem[{half_q, level[AddressWidth-1:0]}] <= data_i;
    if (read_i) data_q <= mem[{read_half_i, read_address_i}];
    if (rst_i) begin
      loading_q <= 0;
      level0_q <= 0;
      level1_q <= 0;
    end else begin
      if (load_i) begin
        loading_q <= 1;
        half_q <= load_half_i;
        tiles_left_q <= load_tiles_i;
        table_q <= 0;
        if (load_half_i) level1_q <= 0;
        else level0_q <= 0;
      end
      if (write) begin
        if (half_q) level1_q <= level1_q + 1;
        else level0_q <= level0_q + 1;
        table_q <= table_q == Last ? 0 : table_q + 1;
        if (table_q == Last) tiles_left_q <= tiles_left_q - 1;
        if (last_o) loading_q <= 0;
        assert (~level[AddressWidth]);
      end
      assert (~(load_i & loading_q));
    end
  end
endmodule
