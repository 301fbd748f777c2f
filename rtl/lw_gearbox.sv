// Turns words of InWidth bits into words of OutWidth bits, packed without gaps, first bits lowest. A stream ends where
// the consumer takes a word with clear_i: what is left of the stream's last input word is dropped. With Flush it ends
// where its bits end, and the last word is filled with zeros. Nothing of the next stream is taken before.
module lw_gearbox #(
  parameter InWidth = 512,
  parameter OutWidth = 512,
  parameter Flush = 0
) (
  input  wire                clk_i,
  input  wire                rst_i,
  input  wire                valid_i,
  output wire                ready_o,
  input  wire [InWidth-1:0]  data_i,
  input  wire                last_i,
  output wire                empty_o,
  output wire                valid_o,
  input  wire                ready_i,
  input  wire                clear_i,
  output wire [OutWidth-1:0] data_o
);
  // All fill levels are multiples of the greatest common divisor of the widths.
  function integer gcd(input integer a, input integer b);
    integer x, y, rest;
    begin
      x = a;
      y = b;
      while (y != 0) begin
        rest = x % y;
        x = y;
        y = rest;
      end
      gcd = x;
    end
  endfunction
  localparam Unit = gcd(InWidth, OutWidth);
  localparam InUnits = InWidth / Unit;
  localparam OutUnits = OutWidth / Unit;
  localparam Places = 2 * OutUnits + 1;  // where an input word can go
  localparam Capacity = InUnits + 2 * OutUnits;
  localparam FillWidth = $clog2(Capacity + 1);
  localparam [FillWidth-1:0] In = InUnits[FillWidth-1:0];
  localparam [FillWidth-1:0] Out = OutUnits[FillWidth-1:0];

  reg [Capacity*Unit-1:0] bits_q, bits_d;
  reg [FillWidth-1:0] fill_q, kept;
  reg last_q;

  assign valid_o = fill_q >= Out | (Flush != 0 & last_q);
  assign empty_o = fill_q == 0;
  assign ready_o = ~last_q & fill_q <= Out + Out;
  assign data_o = bits_q[OutWidth-1:0];

  wire push = valid_i & ready_o;
  wire pop = valid_o & ready_i;
  wire done = pop & (clear_i | (Flush != 0 & last_q & fill_q <= Out));

  integer place;
  always @* begin
    kept = fill_q;
    bits_d = bits_q;
    if (done) begin
      kept = 0;
      if (Flush != 0) bits_d = 0;
    end else if (pop) begin
      kept = fill_q - Out;
      bits_d = bits_q >> OutWidth;
    end
    if (push)
      for (place = 0; place < Places; place = place + 1)
        if (kept == place[FillWidth-1:0]) bits_d[place*Unit +: InWidth] = data_i;
  end

  always @(posedge clk_i) begin
    bits_q <= bits_d;
    if (rst_i) begin
      fill_q <= 0;
      last_q <= 0;
      if (Flush != 0) bits_q <= 0;
    end else begin
      fill_q <= push ? kept + In : kept;
      if (push) last_q <= last_i;
      else if (done) last_q <= 0;
      // A stream is cleared only when its last word is here, and never runs dry after that.
      assert (~(pop & clear_i) | last_q);
      assert (~last_q | Flush != 0 | fill_q >= Out | fill_q == 0);
    end
  end
endmodule
