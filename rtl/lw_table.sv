// One table for one column of activations, two halves of it, and its R reads a cycle.
//
// Of the 2^Mu signed sums of Mu activations the upper 2^(Mu-1) are stored, where the last activation counts with +;
// entry v has activation i with + where bit i of v is set. A key whose top bit is clear reads the complement of the
// entry of the complemented key: one less than the sum, which the bias makes good.
//
// Entries are flip-flops, all written at once; or with Lutram a memory of one write port: one entry a cycle, from the cycle
// after the write on, so that writes must be 2^(Mu-1) cycles apart (lw_builder sees to it) and reads wait for the last.
module lw_table #(
  parameter Mu = 4,
  parameter R = 8,
  parameter XWidth = 8,
  parameter Lutram = 0,
  parameter EntryWidth = XWidth + $clog2(Mu)
) (
  input  wire                    clk_i,
  input  wire                    write_i,
  input  wire                    write_half_i,
  input  wire [Mu*XWidth-1:0]    x_i,
  input  wire                    half_i,
  input  wire [R*Mu-1:0]         keys_i,
  output wire [R*EntryWidth-1:0] values_o
);
  localparam Entries = 1 << (Mu - 1);

  genvar r;
  generate
    if (Lutram == 0) begin : gen_flops
      reg [EntryWidth-1:0] entries [0:2*Entries-1];
      wire [Entries*EntryWidth-1:0] made;
      lw_entries #(.Mu(Mu), .XWidth(XWidth)) u_entries (.x_i(x_i), .first_i({(Mu-1){1'b0}}), .entries_o(made));
      integer e;
      always @(posedge clk_i)
        if (write_i)
          for (e = 0; e < Entries; e = e + 1)
            if (write_half_i) entries[Entries + e] <= made[e*EntryWidth +: EntryWidth];
            else entries[e] <= made[e*EntryWidth +: EntryWidth];
      for (r = 0; r < R; r = r + 1) begin : gen_read
        wire plus = keys_i[r*Mu + Mu-1];
        wire [Mu-2:0] index = keys_i[r*Mu +: Mu-1] ^ {(Mu-1){~plus}};
        assign values_o[r*EntryWidth +: EntryWidth] = entries[{half_i, index}] ^ {EntryWidth{~plus}};
      end
    end else begin : gen_lutram
      (* ram_style = "distributed" *) reg [EntryWidth-1:0] entries [0:2*Entries-1];
      reg [Mu*XWidth-1:0] x_q;
      reg [Mu-1:0] at_q;  // half and entry that is written
      reg writing_q;
      wire [EntryWidth-1:0] entry;
      lw_entries #(.Mu(Mu), .XWidth(XWidth), .Count(1)) u_entries (.x_i(x_q), .first_i(at_q[Mu-2:0]), .entries_o(entry));
      always @(posedge clk_i) begin
        if (writing_q) entries[at_q] <= entry;
        if (write_i) begin
          x_q <= x_i;
          at_q <= {write_half_i, {(Mu-1){1'b0}}};
          writing_q <= 1;
        end else if (&at_q[Mu-2:0]) writing_q <= 0;
        else at_q <= at_q + 1;
      end
      for (r = 0; r < R; r = r + 1) begin : gen_read
        wire plus = keys_i[r*Mu + Mu-1];
        wire [Mu-2:0] index = keys_i[r*Mu +: Mu-1] ^ {(Mu-1){~plus}};
        assign values_o[r*EntryWidth +: EntryWidth] = entries[{half_i, index}] ^ {EntryWidth{~plus}};
      end
    end
  endgenerate
endmodule
