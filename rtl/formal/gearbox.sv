// A gearbox repacks without loss: any unit of a stream (the widest that divides both words) is watched from the input on
// and leaves once, unchanged, in the word and the place that its number in the stream says. Nothing of the next stream
// is taken before the stream is done with.
// Assumed, as the check of streams ensures: a stream's last word ends in its last beat, and the consumer clears with it.
`default_nettype none
module gearbox_proof (
  input wire                  clk_i,
  input wire                  valid_i,
  input wire [2*`IN-1:0]      data_i,
  input wire                  last_i,
  input wire                  ready_i,
  input wire                  watch_i,
  input wire [3:0]            unit_i
);
  localparam In = `IN, Out = `OUT;  // words in units of two bits
  reg rst_q = 1;
  always @(posedge clk_i) rst_q <= 0;

  wire ready, valid, empty;
  wire [2*Out-1:0] data;
  wire push = valid_i & ready;
  wire pop = valid & ready_i;
  wire clear;
  lw_gearbox #(.InWidth(2*In), .OutWidth(2*Out)) u_box (
    .clk_i(clk_i), .rst_i(rst_q), .valid_i(valid_i), .ready_o(ready), .data_i(data_i), .last_i(last_i),
    .empty_o(empty), .valid_o(valid), .ready_i(ready_i), .clear_i(clear), .data_o(data));

  reg [7:0] count_q;    // units taken and not yet handed over
  reg ended_q;          // the stream's last beat is taken
  reg watching_q;
  reg [7:0] ahead_q;    // units before the watched one
  reg [1:0] watched_q;
  reg of_last_q;        // it came with the last beat
  wire [7:0] left = count_q - (pop ? Out : 0);
  assign clear = ended_q & count_q < 2*Out;  // the last word: what is left is less than a word
  wire done = pop & clear;
  wire [7:0] kept = done ? 0 : left;
  always @(posedge clk_i)
    if (rst_q) begin
      count_q <= 0;
      ended_q <= 0;
      watching_q <= 0;
    end else begin
      count_q <= kept + (push ? In : 0);
      ended_q <= push ? last_i : ended_q & ~done;
      if (watching_q) begin
        if (pop) ahead_q <= ahead_q - Out;
        if (done | (pop & ahead_q < Out)) watching_q <= 0;
      end else if (push & watch_i) begin
        watching_q <= 1;
        of_last_q <= last_i;
        watched_q <= data_i[unit_i*2 +: 2];
        ahead_q <= kept + unit_i;
      end
    end

  always @* begin
    assume (unit_i < In);
    if (push & last_i) assume (kept + In >= Out);
    if (done) assume (left < In);
    if (~rst_q) begin
      assert (valid == (count_q >= Out));
      assert (ready == (~ended_q & count_q <= 2*Out));
      assert (empty == (count_q == 0));
      if (valid & watching_q & ahead_q < Out) assert (data[ahead_q*2 +: 2] == watched_q);
      if (done & watching_q & ahead_q >= Out) assert (of_last_q);
    end
  end

`ifdef INVARIANTS
  // Invariants
  (* hierconn *) wire [2*(In+2*Out)-1:0] \u_box.bits_q ;
  (* hierconn *) wire [$clog2(In+2*Out+1)-1:0] \u_box.fill_q ;
  (* hierconn *) wire \u_box.last_q ;
  wire [2*(In+2*Out)-1:0] bits = \u_box.bits_q >> (2*ahead_q);
  always @*
    if (~rst_q) begin
      assert (count_q <= In + 2*Out);
      assert (\u_box.fill_q == count_q);
      assert (\u_box.last_q == ended_q);
      if (ended_q) assert (count_q >= Out);
      if (watching_q & of_last_q) assert (ended_q);
      if (watching_q & ~of_last_q & ended_q) assert (ahead_q + In < count_q);
      if (watching_q) assert (ahead_q < count_q & bits[1:0] == watched_q);
    end
`endif
endmodule
