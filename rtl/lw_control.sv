// Says which step is taken when: for each pass over the rows, for each tile of columns, for each slot of plane sums one
// step of keys. A pass fills a bank of plane sums; the drain empties it.
module lw_control #(
  parameter Slots = 64,
  parameter SlotWidth = $clog2(Slots)
) (
  input  wire                 clk_i,
  input  wire                 rst_i,
  // Jobs
  input  wire                 job_valid_i,
  output wire                 job_ready_o,
  input  wire [15:0]          tiles_i,
  input  wire [15:0]          passes_i,
  input  wire [15:0]          pass_slots_i,
  input  wire [15:0]          last_slots_i,
  // What a step needs
  input  wire                 key_valid_i,
  input  wire                 table_ready_i,
  output wire                 step_o,
  output wire                 job_done_o,
  output wire                 tile_done_o,
  // The step, two cycles before its sums are there (stage 1: lookups, stage 2: addition to the bank)
  output reg                  half_q,
  output reg                  add_q,
  output reg                  add_bank_q,
  output reg                  add_first_q,
  output reg  [SlotWidth-1:0] add_slot_q,
  // Banks: full from the last addition on until the drain has read all of it
  output reg  [1:0]           full_q,
  input  wire                 drained_i,
  input  wire                 drained_bank_i,
  // For the counters
  output wire                 active_o,
  output wire                 bank_wait_o,
  output wire                 table_wait_o
);
  reg active_q, bank_q, table_half_q;
  reg [15:0] tiles_q, passes_left_q, pass_slots_q, last_slots_q, tile_q, slot_q;
  reg [1:0] taken_q;  // banks that a pass has begun to fill, or full ones

  wire first_step = tile_q == 0 & slot_q == 0;
  wire bank_ok = ~first_step | ~taken_q[bank_q];
  wire last_pass = passes_left_q == 1;
  wire [15:0] slots = last_pass ? last_slots_q : pass_slots_q;
  wire last_slot = slot_q + 1 == slots;
  wire last_tile = tile_q + 1 == tiles_q;

  assign bank_wait_o = active_q & ~bank_ok;
  assign table_wait_o = active_q & bank_ok & ~table_ready_i;
  assign step_o = active_q & bank_ok & table_ready_i & key_valid_i;
  assign tile_done_o = step_o & last_slot;
  assign job_done_o = tile_done_o & last_tile & last_pass;
  assign job_ready_o = ~active_q;
  assign active_o = active_q;

  always @(posedge clk_i)
    if (rst_i) begin
      active_q <= 0;
      bank_q <= 0;
      table_half_q <= 0;
      taken_q <= 0;
    end else begin
      if (~active_q & job_valid_i) begin
        active_q <= 1;
        tiles_q <= tiles_i;
        passes_left_q <= passes_i;
        pass_slots_q <= pass_slots_i;
        last_slots_q <= last_slots_i;
        tile_q <= 0;
        slot_q <= 0;
      end
      if (drained_i) taken_q[drained_bank_i] <= 0;
      if (step_o) begin
        if (first_step) taken_q[bank_q] <= 1;
        slot_q <= last_slot ? 0 : slot_q + 1;
        if (last_slot) begin
          table_half_q <= ~table_half_q;
          tile_q <= last_tile ? 0 : tile_q + 1;
          if (last_tile) begin
            bank_q <= ~bank_q;
            passes_left_q <= passes_left_q - 1;
            if (last_pass) active_q <= 0;
          end
        end
        assert (slot_q < Slots[15:0]);
        assert (slots != 0 & tiles_q != 0 & passes_left_q != 0);
      end
    end

  reg look_q, look_bank_q, look_first_q, look_last_q, add_last_q;
  reg [SlotWidth-1:0] look_slot_q;
  always @(posedge clk_i)
    if (rst_i) begin
      look_q <= 0;
      add_q <= 0;
      full_q <= 0;
    end else begin
      half_q <= table_half_q;
      look_q <= step_o;
      look_bank_q <= bank_q;
      look_first_q <= tile_q == 0;
      look_slot_q <= slot_q[SlotWidth-1:0];
      look_last_q <= last_slot & last_tile;
      add_q <= look_q;
      add_bank_q <= look_bank_q;
      add_first_q <= look_first_q;
      add_slot_q <= look_slot_q;
      add_last_q <= look_last_q;
      if (drained_i) full_q[drained_bank_i] <= 0;
      if (add_q & add_last_q) full_q[add_bank_q] <= 1;
      assert (~add_q | ~full_q[add_bank_q]);
      assert (~drained_i | full_q[drained_bank_i]);
    end
endmodule
