// Reads the list of descriptors, checks each and hands its fields to the units, ahead of their work: while one job is
// computed, the next one's activations are loaded into the other half. See docs/ACCELERATOR.md for the descriptor.
module lw_front #(
  parameter Mu = 4,
  parameter T = 16,
  parameter Slots = 64,
  parameter XWords = 512,
  parameter Bus = 512
) (
  input  wire           clk_i,
  input  wire           rst_i,
  input  wire           start_i,
  input  wire [31:0]    address_i,
  // Reader of descriptors and activations
  output wire           read_valid_o,
  input  wire           read_ready_i,
  output wire [31:0]    read_address_o,
  output wire [23:0]    read_beats_o,
  input  wire           beat_valid_i,
  output wire           beat_ready_o,
  input  wire [Bus-1:0] beat_i,
  // Loading of activations
  output wire           load_o,
  output wire           load_half_o,
  input  wire           alone_i,  // no job before the one that was issued last is unfinished
  input  wire           loading_i,
  input  wire           x_done_i,
  input  wire           x_done_half_i,
  // The job, to all units at once
  output wire           issue_o,
  input  wire           units_ready_i,
  output wire [511:0]   job_o,
  output wire           job_half_o,
  // State
  output wire           done_o,
  output wire           error_o,
  output reg  [2:0]     error_q,
  output wire [2:0]     state_o
);
  localparam [2:0] Idle = 0, Ask = 1, Collect = 2, Check = 3, Issue = 4, Fill = 5, Done = 6, Error = 7;
  localparam Stride = Bus > 512 ? Bus / 8 : 64;
  localparam Beats = Bus > 512 ? 1 : 512 / Bus;
  localparam MostTiles = XWords / T;

  reg [2:0] state_q;
  reg [31:0] address_q;
  reg [511:0] job_q;
  reg [3:0] beat_q, word_q;
  reg [31:0] crc_q;
  reg half_q;         // loaded last
  reg asking_q;       // the activations of the issued job are still to be asked for
  reg kept_q;         // and its last job left it for another
  reg [1:0] busy_q;   // halves that are loaded and not yet done with

  function [31:0] crc_next(input [31:0] crc, input [31:0] data);
    reg [31:0] value;
    integer i;
    begin
      value = crc ^ data;
      for (i = 0; i < 32; i = i + 1) value = value[0] ? (value >> 1) ^ 32'hedb88320 : value >> 1;
      crc_next = value;
    end
  endfunction

  wire last = job_q[4];
  wire load = job_q[5];
  wire [15:0] tiles = job_q[143:128];
  wire [15:0] passes = job_q[159:144];
  wire [15:0] pass_slots = job_q[175:160];
  wire [15:0] last_slots = job_q[191:176];
  wire half_ok = ~load | ~busy_q[~half_q];
  wire wrong_crc = job_q[511:480] != ~crc_q;
  wire wrong_op = job_q[3:0] != 1 & job_q[3:0] != 2;
  wire wrong_mu = job_q[24:22] != Mu[2:0];
  wire wrong_size = tiles == 0 | tiles > MostTiles[15:0] | passes == 0 | pass_slots == 0 | last_slots == 0 |
    pass_slots > Slots[15:0] | last_slots > Slots[15:0] | job_q[19:16] == 0 | job_q[21:20] == 0 |
    load == kept_q;

  assign state_o = state_q;
  wire ask_x = state_q == Fill & asking_q & (~job_q[7] | alone_i);
  assign read_valid_o = state_q == Ask | ask_x;
  assign read_address_o = state_q == Ask ? address_q : job_q[255:224];
  assign read_beats_o = state_q == Ask ? Beats[23:0] : job_q[439:416];
  assign beat_ready_o = state_q == Collect;
  assign issue_o = state_q == Issue & units_ready_i & half_ok;
  assign load_o = issue_o & load;
  assign load_half_o = ~half_q;
  assign job_o = job_q;
  assign job_half_o = load ? ~half_q : half_q;
  assign done_o = state_q == Done;
  assign error_o = state_q == Error;

  always @(posedge clk_i)
    if (rst_i) begin
      state_q <= Idle;
      half_q <= 0;
      kept_q <= 0;
      busy_q <= 0;
      error_q <= 0;
    end else begin
      case (state_q)
        Idle, Done, Error: if (start_i) begin
          state_q <= Ask;
          address_q <= address_i;
          error_q <= 0;
        end
        Ask: if (read_ready_i) begin
          state_q <= Collect;
          address_q <= address_q + Stride;
          beat_q <= 0;
        end
        Collect: if (beat_valid_i) begin
          beat_q <= beat_q + 1;
          word_q <= 0;
          crc_q <= 32'hffffffff;
          if (beat_q + 1 == Beats[3:0]) state_q <= Check;
        end
        Check: begin
          word_q <= word_q + 1;
          crc_q <= crc_next(crc_q, job_q[word_q*32 +: 32]);
          if (word_q == 15) begin
            state_q <= wrong_crc | wrong_op | wrong_mu | wrong_size ? Error : Issue;
            error_q <= wrong_crc ? 1 : wrong_op ? 2 : wrong_mu ? 3 : wrong_size ? 4 : 0;
          end
        end
        Issue: if (issue_o) begin
          state_q <= Fill;
          kept_q <= ~job_q[6];
          asking_q <= load;
          if (load) half_q <= ~half_q;
        end
        Fill: if (ask_x & read_ready_i) asking_q <= 0;
        else if (~loading_i) state_q <= last ? Done : Ask;
      endcase
      if (x_done_i) busy_q[x_done_half_i] <= 0;
      if (load_o) busy_q[load_half_o] <= 1;
    end

  generate
    if (Bus > 512) begin : gen_rest
      wire unused_beat = ^beat_i[Bus-1:512];
    end
    if (Bus >= 512) begin : gen_line
      always @(posedge clk_i) if (beat_ready_o & beat_valid_i) job_q <= beat_i[511:0];
    end else begin : gen_beats
      always @(posedge clk_i) if (beat_ready_o & beat_valid_i) job_q <= {beat_i, job_q[511:Bus]};
    end
  endgenerate
endmodule
