// No deadlock of control and builder: with fair inputs a job that control has taken makes a step at least every Bound
// cycles. Proved with a rank that falls in every cycle without a step: cycles that remain, at most, until the bank is
// free, until tables are ready, until keys are there.
// Assumed: keys, activations and the builder's job keep a unit waiting for at most Wait cycles in a row, keys stay
// until they are taken; a full bank is drained within Drain cycles (proof drain: the drain never waits with scales and room there).
`default_nettype none
module progress_proof (
  input wire        clk_i,
  input wire        build_valid_i,
  input wire [15:0] build_tiles_i,
  input wire [15:0] build_passes_i,
  input wire        x_half_i,
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
  localparam T = 3, Wait = 1, Drain = 3;
  localparam Bound = Drain + 3 + (T + 2) * (Wait + 1) + 2;
  reg rst_q = 1;
  always @(posedge clk_i) rst_q <= 0;

  wire build_ready, read, read_half, x_done, write_half, tile_done, ready, x_wait;
  wire [3:0] read_address;
  wire [T-1:0] write;
  lw_builder #(.T(T), .XWords(16)) u_builder (
    .clk_i(clk_i), .rst_i(rst_q), .job_valid_i(build_valid_i), .job_ready_o(build_ready), .tiles_i(build_tiles_i),
    .passes_i(build_passes_i), .x_half_i(x_half_i), .x_free_i(1'b0), .level0_i(level0_i), .level1_i(level1_i),
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
  (* hierconn *) wire [15:0] \u_builder.tiles_q , \u_control.tiles_q , \u_control.tile_q , \u_control.slot_q ,
    \u_control.passes_left_q , \u_control.pass_slots_q , \u_control.last_slots_q , \u_control.slots ;
  (* hierconn *) wire [1:0] \u_builder.table_q , \u_builder.begun_q , \u_builder.ready_q , \u_control.taken_q ;
  (* hierconn *) wire \u_builder.active_q , \u_builder.write_last_q , \u_builder.half_ok , \u_builder.x_ok ;
  (* hierconn *) wire \u_control.bank_q , \u_control.look_q , \u_control.look_bank_q , \u_control.look_last_q ,
    \u_control.add_last_q , \u_control.first_step ;
  wire [1:0] taken = \u_control.taken_q ;
  wire bank = \u_control.bank_q ;

  // Fair inputs
  reg keys_q;  // keys were there and not taken
  reg [7:0] no_keys_q, no_x_q, no_job_q, full0_q, full1_q;
  wire x_missing = \u_builder.active_q & \u_builder.half_ok & ~\u_builder.x_ok ;
  wire job_missing = ~\u_builder.active_q & ~build_valid_i;
  always @(posedge clk_i) begin
    keys_q <= key_valid_i & ~step & ~rst_q;
    no_keys_q <= rst_q | key_valid_i ? 0 : no_keys_q + 1;
    no_x_q <= rst_q | ~x_missing ? 0 : no_x_q + 1;
    no_job_q <= rst_q | ~job_missing ? 0 : no_job_q + 1;
    full0_q <= rst_q | ~full[0] | (drained_i & ~drained_bank_i) ? 0 : full0_q + 1;
    full1_q <= rst_q | ~full[1] | (drained_i & drained_bank_i) ? 0 : full1_q + 1;
  end
  always @* begin
    assume (build_tiles_i != 0 & build_tiles_i <= 16 / T & build_passes_i != 0);
    assume (tiles_i != 0 & passes_i != 0 & pass_slots_i != 0 & last_slots_i != 0);
    assume (pass_slots_i <= 4 & last_slots_i <= 4);
    if (drained_i) assume (full[drained_bank_i]);
    if (~rst_q) begin
      if (~key_valid_i) assume (~keys_q & no_keys_q < Wait);
      if (x_missing) assume (no_x_q < Wait);
      if (job_missing) assume (no_job_q < Wait);
      if (full[0] & ~(drained_i & ~drained_bank_i)) assume (full0_q < Drain);
      if (full[1] & ~(drained_i & drained_bank_i)) assume (full1_q < Drain);
    end
  end

  // Cycles without a step, and how many more there can be
  reg [7:0] quiet_q;
  always @(posedge clk_i) quiet_q <= rst_q | step | ~active ? 0 : quiet_q + 1;
  wire [7:0] until_full = add & \u_control.add_last_q & add_bank == bank ? 1 : 2;
  wire [7:0] drain_left = Drain + 1 - (bank ? full1_q : full0_q);
  wire [7:0] bank_rank = ~(\u_control.first_step & taken[bank]) ? 0 : full[bank] ? drain_left : Drain + 1 + until_full;
  wire [7:0] reads_left = \u_builder.active_q ? T - \u_builder.table_q : T;
  wire [7:0] reads_rank = reads_left * (Wait + 1) - no_x_q + (\u_builder.active_q ? 0 : Wait + 1 - no_job_q);
  wire [7:0] table_rank = ready ? 0 : \u_builder.write_last_q ? 1 : reads_rank + 2;
  wire [7:0] key_rank = keys_q ? 0 : Wait - no_keys_q;
  always @*
    if (~rst_q & active) begin
      assert (quiet_q + bank_rank + table_rank + key_rank <= Bound);
      assert (quiet_q <= Bound);
    end

`ifdef INVARIANTS
  // Invariants
  wire under_way = active & ~\u_control.first_step ;
  wire look0 = \u_control.look_q & \u_control.look_last_q & ~\u_control.look_bank_q ;
  wire look1 = \u_control.look_q & \u_control.look_last_q & \u_control.look_bank_q ;
  wire add0 = add & \u_control.add_last_q & ~add_bank;
  wire add1 = add & \u_control.add_last_q & add_bank;
  always @*
    if (~rst_q) begin
      assert (no_keys_q <= Wait & no_x_q <= Wait & no_job_q <= Wait & full0_q <= Drain & full1_q <= Drain);
      assert (no_x_q == 0 | \u_builder.active_q );
      assert (no_job_q == 0 | ~\u_builder.active_q );
      if (\u_builder.active_q ) assert (\u_builder.table_q < T & \u_builder.tiles_q != 0 & \u_builder.tiles_q <= 16 / T);
      assert (\u_builder.begun_q <= 2);
      assert (\u_builder.begun_q == \u_builder.ready_q + \u_builder.write_last_q +
        (\u_builder.active_q & \u_builder.table_q != 0));
      if (active) begin
        assert (\u_control.tile_q < \u_control.tiles_q & \u_control.slot_q < \u_control.slots );
        assert (\u_control.pass_slots_q <= 4 & \u_control.last_slots_q <= 4);
        assert (\u_control.passes_left_q != 0 & \u_control.pass_slots_q != 0 & \u_control.last_slots_q != 0);
      end
      // A bank that a pass has taken is being filled, or is full, or about to be
      assert ((full & ~taken) == 0);
      if (taken[0]) assert (full[0] | look0 | add0 | (under_way & ~bank));
      if (taken[1]) assert (full[1] | look1 | add1 | (under_way & bank));
      if (look0 | add0) assert (taken[0] & ~full[0] & ~(under_way & ~bank));
      if (look1 | add1) assert (taken[1] & ~full[1] & ~(under_way & bank));
      if (under_way) assert (taken[bank] & ~full[bank]);
      assert (~(look0 & add0) & ~(look1 & add1));
      if (full0_q != 0) assert (full[0]);
      if (full1_q != 0) assert (full[1]);
    end
`endif
endmodule
