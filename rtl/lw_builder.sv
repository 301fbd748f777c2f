// Reads the activations of a job once a pass, Mu of each column a cycle, and has one table of each column built from
// them, into the half that no step reads. Tables are ready from the cycle after their last write on, or Delay cycles later
// where a table takes so long to be written; then its writes are at least Delay cycles apart.
module lw_builder #(
  parameter T = 16,
  parameter XWords = 512,
  parameter Delay = 0,
  parameter AddressWidth = $clog2(XWords)
) (
  input  wire                    clk_i,
  input  wire                    rst_i,
  input  wire                    job_valid_i,
  output wire                    job_ready_o,
  input  wire [15:0]             tiles_i,
  input  wire [15:0]             passes_i,
  input  wire                    x_half_i,
  input  wire                    x_free_i,
  // Activations: level is the number of words of the half that are there
  input  wire [AddressWidth:0]   level0_i,
  input  wire [AddressWidth:0]   level1_i,
  output wire                    read_o,
  output wire                    read_half_o,
  output wire [AddressWidth-1:0] read_address_o,
  output wire                    x_done_o,
  // Tables, written the cycle after the read
  output reg  [T-1:0]            write_q,
  output reg                     write_half_q,
  input  wire                    tile_done_i,
  output wire                    ready_o,
  output wire                    x_wait_o
);
  localparam IndexWidth = T > 1 ? $clog2(T) : 1;
  localparam LastTable = T - 1;
  localparam [IndexWidth-1:0] Last = LastTable[IndexWidth-1:0];


  reg active_q, half_q, x_half_q, x_free_q, write_last_q;
  reg [15:0] tiles_q, passes_left_q, tile_q;
  reg [IndexWidth-1:0] table_q;
  reg [AddressWidth-1:0] address_q;
  reg [1:0] begun_q;   // halves begun or ready
  reg [1:0] ready_q;   // halves ready

  wire [AddressWidth:0] level = x_half_q ? level1_i : level0_i;
  wire half_ok = table_q != 0 | (begun_q != 2 & apart);
  wire x_ok = {1'b0, address_q} < level;
  wire last_table = table_q == Last;
  wire last_tile = tile_q + 1 == tiles_q;
  wire last_pass = passes_left_q == 1;
  wire begin_half = read_o & table_q == 0;
  wire finish_half, apart;

  assign job_ready_o = ~active_q;
  assign read_o = active_q & half_ok & x_ok;
  assign read_half_o = x_half_q;
  assign read_address_o = address_q;
  assign x_done_o = read_o & last_table & last_tile & last_pass & x_free_q;
  assign ready_o = ready_q != 0;
  assign x_wait_o = ~active_q | (half_ok & ~x_ok);

  always @(posedge clk_i)
    if (rst_i) begin
      active_q <= 0;
      half_q <= 0;
      begun_q <= 0;
      ready_q <= 0;
      write_q <= 0;
      write_last_q <= 0;
    end else begin
      if (~active_q & job_valid_i) begin
        active_q <= 1;
        tiles_q <= tiles_i;
        passes_left_q <= passes_i;
        x_half_q <= x_half_i;
        x_free_q <= x_free_i;
        tile_q <= 0;
        table_q <= 0;
        address_q <= 0;
      end
      write_q <= 0;
      write_q[table_q] <= read_o;
      write_half_q <= half_q;
      write_last_q <= read_o & last_table;
      if (read_o) begin
        table_q <= last_table ? 0 : table_q + 1;
        address_q <= last_table & last_tile ? 0 : address_q + 1;
        if (last_table) begin
          half_q <= ~half_q;
          tile_q <= last_tile ? 0 : tile_q + 1;
          if (last_tile) begin
            passes_left_q <= passes_left_q - 1;
            if (last_pass) active_q <= 0;
          end
        end
      end
      if (begin_half & ~tile_done_i) begun_q <= begun_q + 1;
      if (~begin_half & tile_done_i) begun_q <= begun_q - 1;
      if (finish_half & ~tile_done_i) ready_q <= ready_q + 1;
      if (~finish_half & tile_done_i) ready_q <= ready_q - 1;
      assert (~tile_done_i | ready_q != 0);
      assert (ready_q <= begun_q & begun_q <= 2);
    end

  generate
    if (Delay == 0) begin : gen_now
      assign finish_half = write_last_q;
      assign apart = 1;
    end else begin : gen_later
      localparam Gap = Delay > T ? Delay - T : 0;  // cycles between tiles in which nothing is read
      reg [Delay-1:0] older_q;                     // last writes of tiles, up to Delay cycles back
      reg [4:0] gap_q;
      wire [Delay:0] writes = {older_q, write_last_q};
      assign finish_half = older_q[Delay-1];
      assign apart = gap_q == 0;
      wire unused_writes = writes[Delay];
      always @(posedge clk_i)
        if (rst_i) begin
          older_q <= 0;
          gap_q <= 0;
        end else begin
          older_q <= writes[Delay-1:0];
          if (read_o & last_table) gap_q <= Gap[4:0];
          else if (gap_q != 0) gap_q <= gap_q - 1;
        end
    end
  endgenerate
endmodule
