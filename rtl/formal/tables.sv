// Tables are complete before a step reads them, and none in use is overwritten. Sets of tables are numbered as the
// builder makes them and as steps use them up; when a step's lookups are done, the cycle after it takes its keys, any
// table of the half that it reads is the one of its set, with the activations of its place.
// Assumed: sizes as the front lets them through; the drain frees only full banks (proof drain).
`default_nettype none
module tables_proof (
  input wire        clk_i,
  input wire        build_valid_i,
  input wire [15:0] build_tiles_i,
  input wire [15:0] build_passes_i,
  input wire        x_half_i,
  input wire        x_free_i,
  input wire [4:0]  level0_i,
  input wire [4:0]  level1_i,
  input wire        job_valid_i,
  input wire [15:0] tiles_i,
  input wire [15:0] passes_i,
  input wire [15:0] pass_slots_i,
  input wire [15:0] last_slots_i,
  input wire        key_valid_i,
  input wire        drained_i,
  input wire        drained_bank_i
);
  localparam T = 3;
  reg rst_q = 1;
  always @(posedge clk_i) rst_q <= 0;

  wire build_ready, read, read_half, x_done, write_half, tile_done, ready, x_wait;
  wire [3:0] read_address;
  wire [T-1:0] write;
  lw_builder #(.T(T), .XWords(16)) u_builder (
    .clk_i(clk_i), .rst_i(rst_q), .job_valid_i(build_valid_i), .job_ready_o(build_ready), .tiles_i(build_tiles_i),
    .passes_i(build_passes_i), .x_half_i(x_half_i), .x_free_i(x_free_i), .level0_i(level0_i), .level1_i(level1_i),
    .read_o(read), .read_half_o(read_half), .read_address_o(read_address), .x_done_o(x_done), .write_q(write),
    .write_half_q(write_half), .tile_done_i(tile_done), .ready_o(ready), .x_wait_o(x_wait));
  wire job_ready, step, job_done, half, add, add_bank, add_first, active, bank_wait, table_wait;
  wire [1:0] add_slot, full;
  lw_control #(.Slots(4)) u_control (
    .clk_i(clk_i), .rst_i(rst_q), .job_valid_i(job_valid_i), .job_ready_o(job_ready), .tiles_i(tiles_i),
    .passes_i(passes_i), .pass_slots_i(pass_slots_i), .last_slots_i(last_slots_i), .key_valid_i(key_valid_i),
    .table_ready_i(ready), .step_o(step), .job_done_o(job_done), .tile_done_o(tile_done), .half_q(half),
    .add_q(add), .add_bank_q(add_bank), .add_first_q(add_first), .add_slot_q(add_slot), .full_q(full),
    .drained_i(drained_i), .drained_bank_i(drained_bank_i), .active_o(active), .bank_wait_o(bank_wait),
    .table_wait_o(table_wait));
  always @* begin
    assume (build_tiles_i != 0 & build_tiles_i <= 16 / T & build_passes_i != 0);
    assume (tiles_i != 0 & passes_i != 0 & pass_slots_i != 0 & last_slots_i != 0);
    assume (pass_slots_i <= 4 & last_slots_i <= 4);
    if (drained_i) assume (full[drained_bank_i]);
  end

  // Inside of the two, for the invariants
  (* hierconn *) wire [15:0] \u_builder.tiles_q , \u_builder.tile_q ;
  (* hierconn *) wire [1:0] \u_builder.table_q , \u_builder.begun_q , \u_builder.ready_q ;
  (* hierconn *) wire [3:0] \u_builder.address_q ;
  (* hierconn *) wire \u_builder.active_q , \u_builder.half_q , \u_builder.write_last_q , \u_control.table_half_q ;

  // The set that is built, its place in its pass, and the set that steps use
  reg [15:0] made_q, used_q, place_q;
  reg [7:0] next_q;  // table of it that is read next
  always @(posedge clk_i)
    if (rst_q) begin
      made_q <= 0;
      used_q <= 0;
      next_q <= 0;
    end else begin
      if (read) next_q <= next_q == T - 1 ? 0 : next_q + 1;
      if (read & next_q == T - 1) made_q <= made_q + 1;
      if (build_valid_i & build_ready) place_q <= 0;
      else if (read & next_q == T - 1) place_q <= place_q + 1 == \u_builder.tiles_q ? 0 : place_q + 1;
      if (tile_done) used_q <= used_q + 1;
    end

  // Any table: what it holds in either half
  (* anyconst *) reg [1:0] any;
  always @* assume (any < T);
  reg pending_q, look_q;  // a table is written, a step looks up
  reg [15:0] pending_set_q, look_set_q, set0_q, set1_q;
  reg [7:0] pending_table_q;
  always @(posedge clk_i) begin
    pending_q <= read & ~rst_q;
    pending_set_q <= made_q;
    pending_table_q <= next_q;
    if (write[any] & ~write_half) set0_q <= pending_set_q;
    if (write[any] & write_half) set1_q <= pending_set_q;
    look_q <= step & ~rst_q;
    look_set_q <= used_q;
  end

  always @*
    if (~rst_q) begin
      // The activations that a table is made of
      if (read) assert (read_address == place_q * T + next_q & place_q < \u_builder.tiles_q );
      if (read) assert (read_address < (read_half ? level1_i : level0_i));
      assert (write == (pending_q ? 1 << pending_table_q : 0));
      if (look_q) assert ((half ? set1_q : set0_q) == look_set_q);
    end

`ifdef INVARIANTS
  // Invariants
  wire [15:0] there = made_q - used_q;
  wire coming = pending_q & pending_table_q == any;
  wire [15:0] later = used_q + 1;
  always @*
    if (~rst_q) begin
      assert (there <= 2 & next_q < T & (\u_builder.table_q == next_q | ~\u_builder.active_q ));
      if (next_q != 0) assert (there < 2 & \u_builder.active_q );
      assert (\u_builder.begun_q == there + (next_q != 0));
      assert (\u_builder.write_last_q == (pending_q & pending_table_q == T - 1));
      assert (\u_builder.ready_q == there - \u_builder.write_last_q );
      assert (\u_builder.half_q == made_q[0] & \u_control.table_half_q == used_q[0]);
      if (\u_builder.active_q ) begin
        assert (\u_builder.tile_q == place_q & place_q < \u_builder.tiles_q & \u_builder.tiles_q <= 16 / T);
        assert (\u_builder.address_q == place_q * T + next_q);
      end
      if (pending_q) begin
        assert (write_half == pending_set_q[0]);
        assert (next_q == 0 ? pending_set_q + 16'd1 == made_q & pending_table_q == T - 1
                            : pending_set_q == made_q & pending_table_q + 1 == next_q);
      end
      // Sets that are there, and the one that is being built
      if (there != 0 & ~(coming & pending_set_q == used_q)) assert ((used_q[0] ? set1_q : set0_q) == used_q);
      if (there == 2 & ~(coming & pending_set_q == later)) assert ((later[0] ? set1_q : set0_q) == later);
      if (next_q > any & ~(coming & pending_set_q == made_q)) assert ((made_q[0] ? set1_q : set0_q) == made_q);
      if (look_q) begin
        assert (half == look_set_q[0]);
        assert (look_set_q == used_q ? there != 0 : look_set_q + 16'd1 == used_q & there < 2);
        if (look_set_q + 16'd1 == used_q) assert (there + (next_q != 0) < 2 & (look_set_q[0] ? set1_q : set0_q) == look_set_q);
        if (pending_q) assert (pending_set_q != look_set_q + 16'd2);
      end
    end
`endif
endmodule
