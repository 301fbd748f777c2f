// Every step's keys reach exactly one sum, and no sum in use is overwritten. The steps of a job are numbered by the loops
// of the definition (for each pass, for each tile, for each slot); each step adds, two cycles after it takes its keys, to
// the slot, in the bank, of its number, once; it replaces the slot where it is the first of its pass. The watched slot of
// the watched bank holds as many additions as its pass has tiles when it is offered to the drain, and keeps them until
// the drain is done with the bank.
// Assumed: sizes as the front lets them through; the drain frees only full banks (proof drain).
`default_nettype none
module control_proof (
  input wire        clk_i,
  input wire        job_valid_i,
  input wire [15:0] tiles_i,
  input wire [15:0] passes_i,
  input wire [15:0] pass_slots_i,
  input wire [15:0] last_slots_i,
  input wire        key_valid_i,
  input wire        table_ready_i,
  input wire        drained_i,
  input wire        drained_bank_i
);
  localparam Slots = 4;
  reg rst_q = 1;
  always @(posedge clk_i) rst_q <= 0;

  wire job_ready, step, job_done, tile_done, half, add, add_bank, add_first, active, bank_wait, table_wait;
  wire [1:0] add_slot, full;
  lw_control #(.Slots(Slots)) u_control (
    .clk_i(clk_i), .rst_i(rst_q), .job_valid_i(job_valid_i), .job_ready_o(job_ready), .tiles_i(tiles_i),
    .passes_i(passes_i), .pass_slots_i(pass_slots_i), .last_slots_i(last_slots_i), .key_valid_i(key_valid_i),
    .table_ready_i(table_ready_i), .step_o(step), .job_done_o(job_done), .tile_done_o(tile_done), .half_q(half),
    .add_q(add), .add_bank_q(add_bank), .add_first_q(add_first), .add_slot_q(add_slot), .full_q(full),
    .drained_i(drained_i), .drained_bank_i(drained_bank_i), .active_o(active), .bank_wait_o(bank_wait),
    .table_wait_o(table_wait));

  always @* begin
    assume (tiles_i != 0 & passes_i != 0 & pass_slots_i != 0 & last_slots_i != 0);
    assume (pass_slots_i <= Slots & last_slots_i <= Slots);
    if (drained_i) assume (full[drained_bank_i]);
  end

  // The definition's loops
  reg work_q, bank_q;
  reg [15:0] tiles_q, passes_q, pass_slots_q, last_slots_q, pass_q, tile_q, slot_q;
  wire [15:0] slots = pass_q == passes_q - 1 ? last_slots_q : pass_slots_q;
  wire slots_end = slot_q == slots - 1;
  wire tiles_end = tile_q == tiles_q - 1;
  wire passes_end = pass_q == passes_q - 1;
  always @(posedge clk_i)
    if (rst_q) begin
      work_q <= 0;
      bank_q <= 0;
    end else if (~work_q) begin
      if (job_valid_i) begin
        work_q <= 1;
        tiles_q <= tiles_i;
        passes_q <= passes_i;
        pass_slots_q <= pass_slots_i;
        last_slots_q <= last_slots_i;
        pass_q <= 0;
        tile_q <= 0;
        slot_q <= 0;
      end
    end else if (step) begin
      slot_q <= slots_end ? 0 : slot_q + 1;
      if (slots_end) tile_q <= tiles_end ? 0 : tile_q + 1;
      if (slots_end & tiles_end) begin
        pass_q <= pass_q + 1;
        bank_q <= ~bank_q;
        if (passes_end) work_q <= 0;
      end
    end

  // What a step asks for, until it is added
  reg look_q, look_bank_q, look_first_q, look_last_q, sum_q, sum_bank_q, sum_first_q, sum_last_q;
  reg [15:0] look_slot_q, sum_slot_q;
  always @(posedge clk_i) begin
    look_q <= step & ~rst_q;
    look_bank_q <= bank_q;
    look_first_q <= tile_q == 0;
    look_slot_q <= slot_q;
    look_last_q <= slots_end & tiles_end;
    sum_q <= look_q & ~rst_q;
    sum_bank_q <= look_bank_q;
    sum_first_q <= look_first_q;
    sum_slot_q <= look_slot_q;
    sum_last_q <= look_last_q;
  end

  // Any step of a job: it comes once
  (* anyconst *) reg [15:0] any_pass, any_tile, any_slot;
  wire any_exists = any_pass < passes_q & any_tile < tiles_q &
    any_slot < (any_pass == passes_q - 1 ? last_slots_q : pass_slots_q);
  wire any_now = step & pass_q == any_pass & tile_q == any_tile & slot_q == any_slot;
  wire any_past = pass_q > any_pass | (pass_q == any_pass & (tile_q > any_tile | (tile_q == any_tile & slot_q > any_slot)));
  reg [1:0] any_count_q;
  always @(posedge clk_i)
    if (~work_q) any_count_q <= 0;
    else if (any_now) any_count_q <= any_count_q + 1;

  // Any slot of any bank: additions since the first of its pass, and how many its last pass has
  (* anyconst *) reg [1:0] any_sum;
  (* anyconst *) reg any_bank;
  reg [15:0] sums_q, due_q;
  reg used_q;
  wire add_any = add & add_bank == any_bank & add_slot == any_sum;
  wire pass_end = step & slots_end & tiles_end & bank_q == any_bank;
  always @(posedge clk_i) begin
    if (add_any) sums_q <= add_first ? 1 : sums_q + 1;
    if (pass_end) due_q <= tiles_q;
    if (pass_end) used_q <= any_sum < slots;
  end

  always @*
    if (~rst_q) begin
      if (step) assert (key_valid_i & table_ready_i & work_q);
      assert (job_done == (step & slots_end & tiles_end & passes_end));
      assert (tile_done == (step & slots_end));
      assert (add == sum_q);
      if (add) assert (add_slot == sum_slot_q & add_bank == sum_bank_q & add_first == sum_first_q & sum_slot_q < Slots);
      if (add) assert (~full[add_bank]);
      if (job_done & any_exists) assert (any_count_q + any_now == 1);
      if (full[any_bank] & used_q) assert (sums_q == due_q);
    end

`ifdef INVARIANTS
  // Invariants
  (* hierconn *) wire [15:0] \u_control.tiles_q , \u_control.passes_left_q , \u_control.tile_q , \u_control.slot_q ,
    \u_control.pass_slots_q , \u_control.last_slots_q ;
  (* hierconn *) wire \u_control.bank_q , \u_control.look_q , \u_control.look_bank_q , \u_control.look_first_q ,
    \u_control.look_last_q , \u_control.add_last_q ;
  (* hierconn *) wire [1:0] \u_control.look_slot_q , \u_control.taken_q ;
  wire [1:0] taken = \u_control.taken_q ;
  wire look_any = look_q & look_bank_q == any_bank & look_slot_q == any_sum;
  wire pass_any = work_q & bank_q == any_bank & (tile_q != 0 | slot_q != 0);  // under way in the watched bank
  wire [15:0] begun = tile_q + (slot_q > any_sum ? 1 : 0);
  // Additions after those under way
  wire [15:0] coming0 = add_any ? (add_first ? 1 : sums_q + 1) : sums_q;
  wire [15:0] coming = look_any ? (look_first_q ? 1 : coming0 + 1) : coming0;
  wire ending = (look_q & look_last_q & look_bank_q == any_bank) | (add & sum_last_q & add_bank == any_bank);
  always @*
    if (~rst_q) begin
      assert (active == work_q & \u_control.bank_q == bank_q);
      if (work_q) begin
        assert (\u_control.tiles_q == tiles_q & \u_control.tile_q == tile_q & \u_control.slot_q == slot_q);
        assert (\u_control.pass_slots_q == pass_slots_q & \u_control.last_slots_q == last_slots_q);
        assert (\u_control.passes_left_q == passes_q - pass_q & pass_q < passes_q);
        assert (tile_q < tiles_q & slot_q < slots);
        assert (pass_slots_q <= Slots & last_slots_q <= Slots & pass_slots_q != 0 & last_slots_q != 0);
        if (any_exists) assert (any_count_q == any_past);
        if (tile_q != 0 | slot_q != 0) assert (taken[bank_q] & ~full[bank_q]);
      end
      assert (\u_control.look_q == look_q);
      if (look_q) begin
        assert (\u_control.look_slot_q == look_slot_q & \u_control.look_bank_q == look_bank_q & look_slot_q < Slots);
        assert (\u_control.look_first_q == look_first_q & \u_control.look_last_q == look_last_q);
        assert (taken[look_bank_q] & ~full[look_bank_q]);
      end
      if (add) assert (\u_control.add_last_q == sum_last_q & taken[add_bank]);
      assert ((full & ~taken) == 0);
      // A pass that is over is full or about to be; one under way is neither
      if (taken[any_bank] & ~pass_any) assert (full[any_bank] | ending);
      if (full[any_bank]) assert (~ending & ~pass_any);
      if (ending) assert (~pass_any);
      if (taken[any_bank] & ~pass_any & used_q) assert (coming == due_q);
      if (pass_any & begun != 0 & any_sum < slots) assert (coming == begun);
    end
`endif
endmodule
