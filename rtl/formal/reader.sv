// A reader asks for each beat of a stream once, in bursts that AXI4 allows, and only for what its FIFO has room for: every
// beat that returns is taken in the cycle in which it is offered, so that the bus is never held up. It asks wherever it
// may, so that it never waits without a cause.
// Assumed: the memory returns the beats that were asked for, in bursts.
`default_nettype none
module reader_proof (
  input wire        clk_i,
  input wire        job_valid_i,
  input wire [31:0] address_i,
  input wire [23:0] beats_i,
  input wire        ar_ready_i,
  input wire        r_valid_i,
  input wire        r_last_i,
  input wire        ready_i
);
  localparam Bus = 32, Depth = 32;
  reg rst_q = 1;
  always @(posedge clk_i) rst_q <= 0;

  wire job_ready, ar_valid, valid, last;
  wire [31:0] ar_addr;
  wire [7:0] ar_len;
  wire [Bus-1:0] data;
  lw_reader #(.Bus(Bus), .Depth(Depth)) u_reader (
    .clk_i(clk_i), .rst_i(rst_q), .job_valid_i(job_valid_i), .job_ready_o(job_ready), .address_i(address_i),
    .beats_i(beats_i), .ar_valid_o(ar_valid), .ar_ready_i(ar_ready_i), .ar_addr_o(ar_addr), .ar_len_o(ar_len),
    .r_valid_i(r_valid_i & ~rst_q), .r_data_i({Bus{1'b0}}), .r_last_i(r_last_i), .valid_o(valid), .last_o(last),
    .ready_i(ready_i), .data_o(data));
  (* hierconn *) wire [5:0] \u_reader.free_q , \u_reader.u_beats.level_q ;
  (* hierconn *) wire [3:0] \u_reader.u_flight.level_q ;
  (* hierconn *) wire [23:0] \u_reader.left_q ;
  (* hierconn *) wire \u_reader.ask ;

  wire asked = ar_valid & ar_ready_i;
  wire [23:0] burst = {16'b0, ar_len} + 1;
  reg [23:0] due_q;         // beats asked for on the bus and not yet returned
  reg [7:0] bursts_q;       // bursts that they are in
  reg [23:0] to_ask_q;      // beats of the stream that are not yet asked for on the bus
  reg was_valid_q;
  reg [31:0] was_addr_q;
  reg [7:0] was_len_q;
  always @(posedge clk_i) begin
    was_valid_q <= ar_valid & ~ar_ready_i & ~rst_q;
    was_addr_q <= ar_addr;
    was_len_q <= ar_len;
    if (rst_q) begin
      due_q <= 0;
      bursts_q <= 0;
      to_ask_q <= 0;
    end else begin
      due_q <= due_q + (asked ? burst : 0) - r_valid_i;
      bursts_q <= bursts_q + asked - (r_valid_i & r_last_i);
      to_ask_q <= to_ask_q - (asked ? burst : 0) + (job_valid_i & job_ready ? beats_i : 0);
    end
  end
  always @* begin
    assume (beats_i != 0 & beats_i < 24'h800000 & address_i[1:0] == 0);
    if (r_valid_i) assume (due_q != 0);
    if (r_valid_i & r_last_i) assume (bursts_q > 1 | due_q == 1);
    if (r_valid_i & ~r_last_i) assume (due_q > bursts_q);
  end

  always @*
    if (~rst_q) begin
      if (asked) assert (burst <= to_ask_q & ar_len < 16);
      if (ar_valid) assert ({1'b0, ar_addr[11:0]} + (burst[12:0] << 2) <= 4096);
      if (was_valid_q) assert (ar_valid & ar_addr == was_addr_q & ar_len == was_len_q);
      assert (job_ready == (to_ask_q == (ar_valid ? burst : 0)));
      if (\u_reader.free_q == Depth & \u_reader.left_q != 0) assert (\u_reader.ask );
      assert (due_q + \u_reader.u_beats.level_q <= Depth);
    end

`ifdef INVARIANTS
  // Invariants
  always @*
    if (~rst_q) begin
      assert (to_ask_q == \u_reader.left_q + (ar_valid ? burst : 0));
      assert (to_ask_q < 24'h800010);
      assert (\u_reader.u_flight.level_q == bursts_q + ar_valid & \u_reader.u_flight.level_q <= 8);
      assert (due_q >= bursts_q & (due_q == 0) == (bursts_q == 0));
      assert (\u_reader.free_q + due_q + \u_reader.u_beats.level_q + (ar_valid ? burst : 0) == Depth);
      if (ar_valid) assert (ar_len < 16);
    end
`endif
endmodule
