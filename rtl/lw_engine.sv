// The lookup-table engine: keys on port 0; descriptors, activations, scales and results on port 1. With Weight other than 0 the
// lookups give way to a baseline of multipliers, and a key is a weight of so many bits (rtl/baselines/).
module lw_engine #(
  parameter Mu = 4,
  parameter T = 16,
  parameter R = 8,
  parameter C = 1,
  parameter XWidth = 8,
  parameter Bus = 512,
  parameter Slots = 64,
  parameter Sl = 8,
  parameter Weight = 0,     // bits of a multiplier's weight, 1, 4 or 8; 0: lookups
  parameter Lutram = 0,     // lookups in memories with one write port, else in flip-flops
  parameter XWords = 512,   // activations of a column / Mu that fit; a power of two
  parameter KeyDepth = 256  // beats
) (
  input  wire             clk_i,
  input  wire             rst_i,
  // AXI4-Lite
  input  wire             s_awvalid_i,
  output wire             s_awready_o,
  input  wire [11:0]      s_awaddr_i,
  input  wire             s_wvalid_i,
  output wire             s_wready_o,
  input  wire [31:0]      s_wdata_i,
  output wire             s_bvalid_o,
  input  wire             s_bready_i,
  output wire [1:0]       s_bresp_o,
  input  wire             s_arvalid_i,
  output wire             s_arready_o,
  input  wire [11:0]      s_araddr_i,
  output wire             s_rvalid_o,
  input  wire             s_rready_i,
  output wire [31:0]      s_rdata_o,
  output wire [1:0]       s_rresp_o,
  // AXI4, port 0: keys
  output wire             m0_arvalid_o,
  input  wire             m0_arready_i,
  output wire [31:0]      m0_araddr_o,
  output wire [7:0]       m0_arlen_o,
  output wire [2:0]       m0_arsize_o,
  output wire [1:0]       m0_arburst_o,
  input  wire             m0_rvalid_i,
  output wire             m0_rready_o,
  input  wire [Bus-1:0]   m0_rdata_i,
  input  wire             m0_rlast_i,
  // AXI4, port 1: the rest; id 0: descriptors and activations, id 1: scales
  output wire             m1_arvalid_o,
  input  wire             m1_arready_i,
  output wire             m1_arid_o,
  output wire [31:0]      m1_araddr_o,
  output wire [7:0]       m1_arlen_o,
  output wire [2:0]       m1_arsize_o,
  output wire [1:0]       m1_arburst_o,
  input  wire             m1_rvalid_i,
  output wire             m1_rready_o,
  input  wire             m1_rid_i,
  input  wire [Bus-1:0]   m1_rdata_i,
  input  wire             m1_rlast_i,
  output wire             m1_awvalid_o,
  input  wire             m1_awready_i,
  output wire [31:0]      m1_awaddr_o,
  output wire [7:0]       m1_awlen_o,
  output wire [2:0]       m1_awsize_o,
  output wire [1:0]       m1_awburst_o,
  output wire             m1_wvalid_o,
  input  wire             m1_wready_i,
  output wire [Bus-1:0]   m1_wdata_o,
  output wire [Bus/8-1:0] m1_wstrb_o,
  output wire             m1_wlast_o,
  input  wire             m1_bvalid_i,
  output wire             m1_bready_o,
  output wire             irq_o
);
`include "lw_registers.svh"
  localparam EntryWidth = XWidth + $clog2(Mu);
  localparam KeyBits = Weight == 0 ? 1 : Weight;
  localparam Step = R * T * Mu * KeyBits;
  localparam TreeWidth = Weight == 0 ? EntryWidth + $clog2(T) : XWidth + Weight + $clog2(T * Mu);
  localparam SumWidth = XWidth + $clog2(XWords * Mu) + KeyBits;
  localparam SlotWidth = $clog2(Slots);
  localparam AddressWidth = $clog2(XWords);
  localparam XWord = C * Mu * XWidth;
  localparam YWord = Sl * C * 64;
  localparam Credits = 4;
  localparam CountWidth = $clog2(Sl * C + 1);
  localparam BeatLog = $clog2(Bus / 8);
  localparam [31:0] Shape = Mu + T * 16 + R * 1024 + C * 65536 + Sl * 524288 + (XWidth == 16 ? 33554432 : 0) + Weight * 67108864;
  localparam [31:0] Memory = Bus + Slots * 4096;

  assign m0_arsize_o = BeatLog[2:0];
  assign m1_arsize_o = BeatLog[2:0];
  assign m1_awsize_o = BeatLog[2:0];
  assign m0_arburst_o = 2'b01;
  assign m1_arburst_o = 2'b01;
  assign m1_awburst_o = 2'b01;
  assign m0_rready_o = 1'b1;
  assign m1_rready_o = 1'b1;
  assign m1_bready_o = 1'b1;
  assign m1_wstrb_o = {(Bus/8){1'b1}};
  assign s_bresp_o = 2'b00;
  assign s_rresp_o = 2'b00;

  // Front and the list
  wire start, issue, units_ready, front_done, front_error, load, load_half, loading, job_half;
  wire x_done, x_done_half;
  wire [31:0] descriptor;
  wire [511:0] job;
  wire unused_job = ^{job[511:472], job[447:408], job[383:376], job[255:224], job[127:31], job[24:22], job[15:9], job[7], job[5:2], job[0]};
  wire [2:0] error, front_state;
  wire read_valid, read_ready, x_valid, x_ready, front_ready, xbox_ready, x_last;
  wire [31:0] read_address;
  wire [23:0] read_beats;
  wire [Bus-1:0] x_beat;
  reg busy_q, done_q;
  reg [3:0] jobs_q;  // issued and not yet written
  wire y_done;
  wire ended = busy_q & (front_done | front_error) & jobs_q == 0;
  assign irq_o = done_q;

  always @(posedge clk_i)
    if (rst_i) begin
      busy_q <= 0;
      done_q <= 0;
      jobs_q <= 0;
    end else begin
      if (start) begin
        busy_q <= 1;
        done_q <= 0;
      end else if (ended) begin
        busy_q <= 0;
        done_q <= 1;
      end
      if (issue & ~y_done) jobs_q <= jobs_q + 1;
      if (~issue & y_done) jobs_q <= jobs_q - 1;
    end

  lw_front #(.Mu(Mu), .T(T), .Slots(Slots), .XWords(XWords), .Bus(Bus)) u_front (
    .clk_i(clk_i), .rst_i(rst_i), .start_i(start), .address_i(descriptor),
    .read_valid_o(read_valid), .read_ready_i(read_ready), .read_address_o(read_address), .read_beats_o(read_beats),
    .beat_valid_i(x_valid & ~loading), .beat_ready_o(front_ready), .beat_i(x_beat),
    .load_o(load), .load_half_o(load_half), .alone_i(jobs_q == 1), .loading_i(loading), .x_done_i(x_done), .x_done_half_i(x_done_half),
    .issue_o(issue), .units_ready_i(units_ready), .job_o(job), .job_half_o(job_half),
    .done_o(front_done), .error_o(front_error), .error_q(error), .state_o(front_state));

  // A queue of jobs before each unit
  wire [5:0] queue_ready;
  assign units_ready = &queue_ready;
  wire key_job, key_take, scale_job, scale_take, build_job, build_take, step_job, step_take;
  wire drain_job, drain_take, y_job, y_take;
  wire [55:0] key_fields, scale_fields, y_fields;
  wire [33:0] build_fields;
  wire [63:0] step_fields;
  wire [61:0] drain_fields;
  lw_fifo #(.Width(56), .Depth(4)) u_key_jobs (.clk_i(clk_i), .rst_i(rst_i), .valid_i(issue),
    .ready_o(queue_ready[0]), .data_i({job[375:352], job[287:256]}), .valid_o(key_job), .ready_i(key_take),
    .data_o(key_fields), .level_o());
  lw_fifo #(.Width(56), .Depth(4)) u_scale_jobs (.clk_i(clk_i), .rst_i(rst_i), .valid_i(issue),
    .ready_o(queue_ready[1]), .data_i({job[407:384], job[319:288]}), .valid_o(scale_job), .ready_i(scale_take),
    .data_o(scale_fields), .level_o());
  lw_fifo #(.Width(34), .Depth(4)) u_build_jobs (.clk_i(clk_i), .rst_i(rst_i), .valid_i(issue),
    .ready_o(queue_ready[2]), .data_i({job_half, job[6], job[159:128]}), .valid_o(build_job), .ready_i(build_take),
    .data_o(build_fields), .level_o());
  lw_fifo #(.Width(64), .Depth(4)) u_step_jobs (.clk_i(clk_i), .rst_i(rst_i), .valid_i(issue),
    .ready_o(queue_ready[3]), .data_i(job[191:128]), .valid_o(step_job), .ready_i(step_take),
    .data_o(step_fields), .level_o());
  lw_fifo #(.Width(62), .Depth(4)) u_drain_jobs (.clk_i(clk_i), .rst_i(rst_i), .valid_i(issue),
    .ready_o(queue_ready[4]), .data_i({job[1], job[8], job[30:25], job[21:16], job[223:192], job[159:144]}), .valid_o(drain_job),
    .ready_i(drain_take), .data_o(drain_fields), .level_o());
  lw_fifo #(.Width(56), .Depth(4)) u_y_jobs (.clk_i(clk_i), .rst_i(rst_i), .valid_i(issue),
    .ready_o(queue_ready[5]), .data_i({job[471:448], job[351:320]}), .valid_o(y_job), .ready_i(y_take),
    .data_o(y_fields), .level_o());

  // Keys
  wire key_beat_valid, key_beat_ready, key_beat_last, key_valid, step, job_done;
  wire [Bus-1:0] key_beat;
  wire [Step-1:0] key;
  lw_reader #(.Bus(Bus), .Depth(KeyDepth)) u_keys (
    .clk_i(clk_i), .rst_i(rst_i), .job_valid_i(key_job), .job_ready_o(key_take), .address_i(key_fields[31:0]),
    .beats_i(key_fields[55:32]), .ar_valid_o(m0_arvalid_o), .ar_ready_i(m0_arready_i), .ar_addr_o(m0_araddr_o),
    .ar_len_o(m0_arlen_o), .r_valid_i(m0_rvalid_i), .r_data_i(m0_rdata_i), .r_last_i(m0_rlast_i),
    .valid_o(key_beat_valid), .last_o(key_beat_last), .ready_i(key_beat_ready), .data_o(key_beat));
  lw_gearbox #(.InWidth(Bus), .OutWidth(Step)) u_key_box (
    .clk_i(clk_i), .rst_i(rst_i), .valid_i(key_beat_valid), .ready_o(key_beat_ready), .data_i(key_beat),
    .last_i(key_beat_last), .empty_o(), .valid_o(key_valid), .ready_i(step), .clear_i(job_done), .data_o(key));

  // Descriptors, activations and scales share a port
  wire x_ar, x_ar_ready, scale_ar, scale_ar_ready;
  wire [31:0] x_ar_addr, scale_ar_addr;
  wire [7:0] x_ar_len, scale_ar_len;
  lw_arbiter u_arbiter (
    .clk_i(clk_i), .rst_i(rst_i), .valid0_i(x_ar), .ready0_o(x_ar_ready), .addr0_i(x_ar_addr), .len0_i(x_ar_len),
    .valid1_i(scale_ar), .ready1_o(scale_ar_ready), .addr1_i(scale_ar_addr), .len1_i(scale_ar_len),
    .valid_o(m1_arvalid_o), .ready_i(m1_arready_i), .id_o(m1_arid_o), .addr_o(m1_araddr_o), .len_o(m1_arlen_o));
  wire x_beat_last;
  lw_reader #(.Bus(Bus), .Depth(32)) u_x (
    .clk_i(clk_i), .rst_i(rst_i), .job_valid_i(read_valid), .job_ready_o(read_ready), .address_i(read_address),
    .beats_i(read_beats), .ar_valid_o(x_ar), .ar_ready_i(x_ar_ready), .ar_addr_o(x_ar_addr),
    .ar_len_o(x_ar_len), .r_valid_i(m1_rvalid_i & ~m1_rid_i), .r_data_i(m1_rdata_i), .r_last_i(m1_rlast_i),
    .valid_o(x_valid), .last_o(x_beat_last), .ready_i(x_ready), .data_o(x_beat));
  assign x_ready = loading ? xbox_ready : front_ready;
  wire x_word_valid, x_word_ready;
  wire [XWord-1:0] x_word, x_read_data;
  lw_gearbox #(.InWidth(Bus), .OutWidth(XWord)) u_x_box (
    .clk_i(clk_i), .rst_i(rst_i), .valid_i(x_valid & loading), .ready_o(xbox_ready), .data_i(x_beat),
    .last_i(x_beat_last), .empty_o(), .valid_o(x_word_valid), .ready_i(x_word_ready), .clear_i(x_last), .data_o(x_word));
  wire [AddressWidth:0] level0, level1;
  wire x_read, x_read_half, builder_x_wait, tables_ready, tile_done;
  wire [AddressWidth-1:0] x_read_address;
  lw_activations #(.T(T), .XWords(XWords), .Width(XWord)) u_activations (
    .clk_i(clk_i), .rst_i(rst_i), .load_i(load), .load_half_i(load_half), .load_tiles_i(job[143:128]),
    .loading_o(loading), .valid_i(x_word_valid), .data_i(x_word), .ready_o(x_word_ready), .last_o(x_last),
    .level0_q(level0), .level1_q(level1), .read_i(x_read), .read_half_i(x_read_half),
    .read_address_i(x_read_address), .data_q(x_read_data));
  wire [T-1:0] table_write;
  wire table_write_half;
  assign x_done_half = x_read_half;
  lw_builder #(.T(T), .XWords(XWords), .Delay(Lutram != 0 ? 1 << (Mu - 1) : 0)) u_builder (
    .clk_i(clk_i), .rst_i(rst_i), .job_valid_i(build_job), .job_ready_o(build_take), .tiles_i(build_fields[15:0]),
    .passes_i(build_fields[31:16]), .x_half_i(build_fields[33]), .x_free_i(build_fields[32]), .level0_i(level0),
    .level1_i(level1), .read_o(x_read), .read_half_o(x_read_half), .read_address_o(x_read_address),
    .x_done_o(x_done), .write_q(table_write), .write_half_q(table_write_half), .tile_done_i(tile_done),
    .ready_o(tables_ready), .x_wait_o(builder_x_wait));
  wire scale_beat_valid, scale_beat_ready, scale_beat_last, scale_valid, scale_ready, scale_clear;
  wire [Bus-1:0] scale_beat;
  wire [Sl*16-1:0] scales;
  lw_reader #(.Bus(Bus), .Depth(32)) u_scales (
    .clk_i(clk_i), .rst_i(rst_i), .job_valid_i(scale_job), .job_ready_o(scale_take), .address_i(scale_fields[31:0]),
    .beats_i(scale_fields[55:32]), .ar_valid_o(scale_ar), .ar_ready_i(scale_ar_ready), .ar_addr_o(scale_ar_addr),
    .ar_len_o(scale_ar_len), .r_valid_i(m1_rvalid_i & m1_rid_i), .r_data_i(m1_rdata_i), .r_last_i(m1_rlast_i),
    .valid_o(scale_beat_valid), .last_o(scale_beat_last), .ready_i(scale_beat_ready), .data_o(scale_beat));
  lw_gearbox #(.InWidth(Bus), .OutWidth(Sl*16)) u_scale_box (
    .clk_i(clk_i), .rst_i(rst_i), .valid_i(scale_beat_valid), .ready_o(scale_beat_ready), .data_i(scale_beat),
    .last_i(scale_beat_last), .empty_o(), .valid_o(scale_valid), .ready_i(scale_ready), .clear_i(scale_clear), .data_o(scales));

  // Steps
  wire half, add, add_bank, add_first, drained, drain_bank, active, bank_wait, table_wait;
  wire [SlotWidth-1:0] add_slot, drain_slot;
  wire [1:0] full;
  wire [C*R*TreeWidth-1:0] tree_sums;
  wire [C*R*SumWidth-1:0] plane_sums;
  reg [Step-1:0] key_q;
  always @(posedge clk_i) if (step) key_q <= key;
  lw_control #(.Slots(Slots)) u_control (
    .clk_i(clk_i), .rst_i(rst_i), .job_valid_i(step_job), .job_ready_o(step_take), .tiles_i(step_fields[15:0]),
    .passes_i(step_fields[31:16]), .pass_slots_i(step_fields[47:32]), .last_slots_i(step_fields[63:48]),
    .key_valid_i(key_valid), .table_ready_i(tables_ready), .step_o(step), .job_done_o(job_done),
    .tile_done_o(tile_done), .half_q(half), .add_q(add), .add_bank_q(add_bank), .add_first_q(add_first),
    .add_slot_q(add_slot), .full_q(full), .drained_i(drained), .drained_bank_i(drain_bank), .active_o(active),
    .bank_wait_o(bank_wait), .table_wait_o(table_wait));
  generate
    if (Weight == 0) begin : gen_lookups
      lw_lanes #(.Mu(Mu), .T(T), .R(R), .C(C), .XWidth(XWidth), .Lutram(Lutram)) u_lanes (
        .clk_i(clk_i), .write_i(table_write), .write_half_i(table_write_half), .x_i(x_read_data), .half_i(half),
        .keys_i(key_q), .sums_q(tree_sums));
    end else begin : gen_products
      lw_products #(.Mu(Mu), .T(T), .R(R), .C(C), .XWidth(XWidth), .Weight(Weight)) u_products (
        .clk_i(clk_i), .write_i(table_write), .write_half_i(table_write_half), .x_i(x_read_data), .half_i(half),
        .keys_i(key_q), .sums_q(tree_sums));
    end
  endgenerate
  lw_sums #(.Slots(Slots), .Lanes(C*R), .InWidth(TreeWidth), .SumWidth(SumWidth)) u_sums (
    .clk_i(clk_i), .add_i(add), .bank_i(add_bank), .first_i(add_first), .slot_i(add_slot), .values_i(tree_sums),
    .read_bank_i(drain_bank), .read_slot_i(drain_slot), .sums_o(plane_sums));

  // Results
  wire result_valid, result_last, result_narrow, word_valid, word_last, word_narrow, word_ready, word_fifo_ready, alpha_wait, y_wait;
  wire [YWord-1:0] result, word;
  wire sum_read;
  wire [CountWidth-1:0] saturations;
  lw_drain #(.R(R), .C(C), .Sl(Sl), .Slots(Slots), .SumWidth(SumWidth), .XWidth(XWidth), .Credits(Credits)) u_drain (
    .clk_i(clk_i), .rst_i(rst_i), .job_valid_i(drain_job), .job_ready_o(drain_take), .planes_i(drain_fields[51:48]),
    .bias_words_i(drain_fields[53:52]), .narrow_i(drain_fields[61]), .relu_i(drain_fields[60]),
    .shift_i(drain_fields[59:54]), .passes_i(drain_fields[15:0]), .pass_blocks_i(drain_fields[31:16]),
    .last_blocks_i(drain_fields[47:32]), .full_i(full), .bank_o(drain_bank), .slot_o(drain_slot),
    .sums_i(plane_sums), .drained_o(drained), .scale_valid_i(scale_valid), .scale_ready_o(scale_ready),
    .scale_clear_o(scale_clear), .scales_i(scales), .valid_q(result_valid), .last_q(result_last),
    .narrow_q(result_narrow), .result_o(result), .taken_i(word_valid & word_ready), .sum_read_o(sum_read), .saturations_o(saturations), .alpha_wait_o(alpha_wait), .y_wait_o(y_wait));
  lw_fifo #(.Width(YWord + 2), .Depth(Credits)) u_results (
    .clk_i(clk_i), .rst_i(rst_i), .valid_i(result_valid), .ready_o(word_fifo_ready), .data_i({result_narrow, result_last, result}),
    .valid_o(word_valid), .ready_i(word_ready),  .data_o({word_narrow, word_last, word}),
    .level_o());
  // Of the two gearboxes one is empty at any time.
  wire y_beat_valid, y_beat_ready, wide_ready, wide_empty, wide_valid;
  wire narrow_ready, narrow_empty, narrow_valid;
  wire [Bus-1:0] y_beat, wide_beat, narrow_beat;
  assign word_ready = word_narrow ? narrow_ready & wide_empty : wide_ready & narrow_empty;
  assign y_beat_valid = wide_valid | narrow_valid;
  assign y_beat = wide_valid ? wide_beat : narrow_beat;
  lw_gearbox #(.InWidth(Sl*C*XWidth), .OutWidth(Bus), .Flush(1)) u_narrow_box (
    .clk_i(clk_i), .rst_i(rst_i), .valid_i(word_valid & word_narrow & wide_empty), .ready_o(narrow_ready),
    .data_i(word[Sl*C*XWidth-1:0]), .last_i(word_last), .empty_o(narrow_empty), .valid_o(narrow_valid),
    .ready_i(y_beat_ready & ~wide_valid), .clear_i(1'b0), .data_o(narrow_beat));
  lw_gearbox #(.InWidth(YWord), .OutWidth(Bus), .Flush(1)) u_y_box (
    .clk_i(clk_i), .rst_i(rst_i), .valid_i(word_valid & ~word_narrow & narrow_empty), .ready_o(wide_ready),
    .data_i(word), .last_i(word_last), .empty_o(wide_empty), .valid_o(wide_valid), .ready_i(y_beat_ready),
    .clear_i(1'b0), .data_o(wide_beat));
  lw_writer #(.Bus(Bus), .Depth(32)) u_writer (
    .clk_i(clk_i), .rst_i(rst_i), .job_valid_i(y_job), .job_ready_o(y_take), .address_i(y_fields[31:0]),
    .beats_i(y_fields[55:32]), .job_done_o(y_done), .valid_i(y_beat_valid), .ready_o(y_beat_ready),
    .data_i(y_beat), .aw_valid_o(m1_awvalid_o), .aw_ready_i(m1_awready_i), .aw_addr_o(m1_awaddr_o),
    .aw_len_o(m1_awlen_o), .w_valid_o(m1_wvalid_o), .w_ready_i(m1_wready_i), .w_data_o(m1_wdata_o),
    .w_last_o(m1_wlast_o), .b_valid_i(m1_bvalid_i));

  // Counters: of the stalls exactly one in every busy cycle without a step
  wire no_job = ~active & ~step_job;
  wire tail = no_job & (front_done | front_error);
  wire stall_bank = bank_wait & ~alpha_wait & ~y_wait;
  wire stall_alpha = bank_wait & alpha_wait;
  wire stall_y = bank_wait & y_wait;
  wire stall_x = table_wait & builder_x_wait;
  wire stall_table = table_wait & ~builder_x_wait;
  wire stall_keys = active & ~bank_wait & ~table_wait & ~step;
  wire stall_fetch = ~active & ~tail;
  wire [7:0] stalls = {tail, stall_fetch, stall_y, stall_alpha, stall_bank, stall_x, stall_table, stall_keys};
  wire [Counters-1:0] events;
  assign events[CountBusy] = busy_q;
  assign events[CountSteps] = step;
  assign events[CountWeights +: 8] = stalls & {8{busy_q}};
  assign events[CountKeyBeats] = m0_rvalid_i;
  assign events[CountScaleBeats] = m1_rvalid_i & m1_rid_i;
  assign events[CountXBeats] = m1_rvalid_i & ~m1_rid_i;
  assign events[CountYBeats] = m1_wvalid_o & m1_wready_i;
  assign events[CountTables] = |table_write;
  assign events[CountElements] = scale_valid & scale_ready;
  assign events[CountJobs] = y_done;
  assign events[CountXWrites] = x_word_valid & x_word_ready;
  assign events[CountSumReads] = add & ~add_first;
  assign events[CountDrainReads] = sum_read;
  assign events[CountSaturations] = saturations != 0;
  wire [8:0] causes = {stalls, step};
  always @(posedge clk_i)
    if (~rst_i & busy_q) begin
      assert (causes != 0 & (causes & (causes - 1)) == 0);
      assert (~result_valid | word_fifo_ready);
    end

  wire [$clog2(Counters)-1:0] counter;
  wire [63:0] count;
  lw_counters #(.Count(Counters), .AmountWidth(CountWidth)) u_counters (
    .clk_i(clk_i), .clear_i(start), .events_i(events), .amount_i(saturations), .index_i(counter), .value_o(count));
  lw_registers #(.Shape(Shape), .Memory(Memory), .Count(Counters)) u_registers (
    .clk_i(clk_i), .rst_i(rst_i), .aw_valid_i(s_awvalid_i), .aw_ready_o(s_awready_o), .aw_addr_i(s_awaddr_i),
    .w_valid_i(s_wvalid_i), .w_ready_o(s_wready_o), .w_data_i(s_wdata_i), .b_valid_o(s_bvalid_o),
    .b_ready_i(s_bready_i), .ar_valid_i(s_arvalid_i), .ar_ready_o(s_arready_o), .ar_addr_i(s_araddr_i),
    .r_valid_o(s_rvalid_o), .r_ready_i(s_rready_i), .r_data_o(s_rdata_o), .start_o(start),
    .descriptor_q(descriptor), .busy_i(busy_q), .done_i(done_q), .error_i(error),
    .units_i({builder_x_wait, ~y_take, y_wait, alpha_wait, table_wait, bank_wait, active, loading, front_state}),
    .counter_o(counter), .counter_i(count));
endmodule
