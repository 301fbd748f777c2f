// Drives the verilated engine: clock, registers, and the memory of sim/dram.h. Built with it, for
// one set of parameters.
extern "C" {
#include "sim/dram.h"
#include "sim/registers.h"
}

#include <Vlw_engine.h>
#include <verilated.h>
#if LW_TRACE
#include <verilated_fst_c.h>
#endif
#if VM_COVERAGE
#include <verilated_cov.h>

#include <string>
#include <unistd.h>
#endif

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

/* What the simulation prints: nothing but the message of an assertion that fails, which names file,
 * line and unit. */
static thread_local char printed[512];
static thread_local bool stopped;

extern "C" int lw_printed(const char *format, ...)
{
    va_list list;
    if (stopped)
        return 0; // the first one is kept
    va_start(list, format);
    int length = vsnprintf(printed, sizeof printed, format, list);
    va_end(list);
    return length;
}

// Verilator calls this after the message.
void vl_stop(const char *, int, const char *)
{
    stopped = true;
}

namespace
{

const size_t kBeatBytes = LW_BUS_BITS / 8;
const uint64_t kQuietCycles = 20000; // without any beat or step: stuck

struct Harness {
    VerilatedContext context;
    Vlw_engine *top;
#if LW_TRACE
    VerilatedFstC *trace = nullptr;
#endif
    uint64_t now, trace_from, trace_end; // cycles of the list
    lw_dram dram;
    uint8_t *memory;
    size_t memory_bytes;
    uint32_t write_address;
    uint64_t quiet;
    bool outside;
    uint32_t shape, sizes; // of the registers Shape and Memory
};

void dump(Harness *h)
{
#if LW_TRACE
    if (h->trace && h->now >= h->trace_from && h->now < h->trace_end)
        h->trace->dump(h->context.time());
#endif
    h->context.timeInc(1);
}

// Half a cycle with the clock low, in which the inputs of the cycle are settled, then the edge.
void settle(Harness *h)
{
    h->top->clk_i = 0;
    h->top->eval();
    dump(h);
}

void edge(Harness *h)
{
    h->top->clk_i = 1;
    h->top->eval();
    dump(h);
}

bool inside(Harness *h, uint32_t address)
{
    if (size_t(address) + kBeatBytes <= h->memory_bytes)
        return true;
    h->outside = true;
    return false;
}

template <class Wide> void put(Harness *h, Wide &beat, uint32_t address)
{
    if (inside(h, address))
        memcpy(&beat, h->memory + address, kBeatBytes);
}

void offer(Harness *h)
{
    Vlw_engine *top = h->top;
    lw_dram *dram = &h->dram;
    lw_dram_cycle(dram);
    top->m0_arready_i = top->m1_arready_i = top->m1_awready_i = dram->ready;
    top->m1_wready_i = dram->w_ready;
    top->m1_bvalid_i = dram->b_valid;
    top->m0_rvalid_i = dram->r[0].valid;
    if (dram->r[0].valid) {
        put(h, top->m0_rdata_i, dram->r[0].address);
        top->m0_rlast_i = dram->r[0].last;
    }
    top->m1_rvalid_i = dram->r[1].valid;
    if (dram->r[1].valid) {
        put(h, top->m1_rdata_i, dram->r[1].address);
        top->m1_rlast_i = dram->r[1].last;
        top->m1_rid_i = uint8_t(dram->r[1].id);
    }
}

// What the engine hands over at the end of the cycle; true where anything moved.
bool accept(Harness *h)
{
    Vlw_engine *top = h->top;
    lw_dram *dram = &h->dram;
    bool moved = dram->r[0].valid || dram->r[1].valid;
    if (top->m0_arvalid_o && top->m0_arready_i)
        lw_dram_read(dram, 0, top->m0_araddr_o, top->m0_arlen_o + 1u, 0);
    if (top->m1_arvalid_o && top->m1_arready_i)
        lw_dram_read(dram, 1, top->m1_araddr_o, top->m1_arlen_o + 1u, top->m1_arid_o);
    if (top->m1_awvalid_o && top->m1_awready_i) {
        lw_dram_write(dram, top->m1_awaddr_o, top->m1_awlen_o + 1u);
        h->write_address = top->m1_awaddr_o;
    }
    if (top->m1_wvalid_o && top->m1_wready_i) {
        lw_dram_write_beat(dram);
        if (inside(h, h->write_address))
            memcpy(h->memory + h->write_address, &top->m1_wdata_o, kBeatBytes);
        h->write_address += uint32_t(kBeatBytes);
        moved = true;
    }
    return moved;
}

void cycle(Harness *h)
{
    offer(h);
    settle(h);
    h->quiet = accept(h) ? 0 : h->quiet + 1;
    edge(h);
}

uint32_t read_register(Harness *h, uint32_t address)
{
    h->top->s_arvalid_i = 1;
    h->top->s_araddr_i = uint16_t(address);
    h->top->s_rready_i = 1;
    cycle(h);
    h->top->s_arvalid_i = 0;
    uint32_t value = h->top->s_rdata_o;
    cycle(h);
    return value;
}

void write_register(Harness *h, uint32_t address, uint32_t value)
{
    h->top->s_awvalid_i = h->top->s_wvalid_i = 1;
    h->top->s_awaddr_i = uint16_t(address);
    h->top->s_wdata_i = value;
    h->top->s_bready_i = 1;
    cycle(h);
    h->top->s_awvalid_i = h->top->s_wvalid_i = 0;
}

void reset(Harness *h)
{
    h->top->rst_i = 1;
    h->top->s_awvalid_i = h->top->s_wvalid_i = h->top->s_arvalid_i = 0;
    h->top->m0_rvalid_i = h->top->m1_rvalid_i = h->top->m1_bvalid_i = 0;
    for (int i = 0; i < 3; i++) {
        settle(h);
        edge(h);
    }
    h->top->rst_i = 0;
}

// From the register Units (rtl/registers.def): the first row whose bits are all set names what is
// waited for.
const char *stuck_unit(uint32_t units)
{
    static const struct {
        uint32_t bits;
        const char *name;
    } names[] = {{1u << 7, "the drain waits for scales"},
                 {1u << 8, "the drain waits for room for results"},
                 {1u << 5, "control waits for a bank of plane sums"},
                 {1u << 3 | 1u << 6 | 1u << 10, "the load of activations waits for beats"},
                 {1u << 6 | 1u << 10, "the table builder waits for activations"},
                 {1u << 6, "control waits for tables"},
                 {1u << 4, "control waits for keys"},
                 {1u << 3, "the load of activations waits for beats"},
                 {1u << 9, "the writer waits for results or answers"}};
    for (const auto &name : names)
        if ((units & name.bits) == name.bits)
            return name.name;
    return "the front waits for a descriptor";
}

int finish(Harness *h, uint32_t list, uint64_t *counters, char *text, size_t text_bytes)
{
    uint32_t status = read_register(h, LW_REG_STATUS);
    for (uint32_t i = 0; i < LW_COUNTERS; i++) {
        uint64_t low = read_register(h, LW_REG_COUNTERS + 8 * i);
        counters[i] = uint64_t(read_register(h, LW_REG_COUNTERS + 8 * i + 4)) << 32 | low;
    }
    if (read_register(h, LW_REG_VERSION) != 1 || read_register(h, LW_REG_SHAPE) != h->shape ||
        read_register(h, LW_REG_MEMORY) != h->sizes ||
        read_register(h, LW_REG_DESCRIPTOR) != list) {
        snprintf(text, text_bytes, "its registers name another engine or list");
        return 1;
    }
    if (!(status >> 2 & 1))
        return 0;
    snprintf(text, text_bytes, "a descriptor is refused, reason %u", status >> 4 & 7);
    return 1;
}

int simulate(Harness *h, uint32_t list, uint64_t most_cycles, uint64_t *counters, char *text,
             size_t text_bytes)
{
    reset(h);
    stopped = false;
    h->quiet = 0;
    h->now = 0;
    h->outside = false;
    write_register(h, LW_REG_DESCRIPTOR, list);
    cycle(h);
    write_register(h, LW_REG_CONTROL, 1);
    for (; !h->top->irq_o; h->now++) {
        cycle(h);
        if (h->outside) {
            snprintf(text, text_bytes, "a beat outside of the memory is accessed");
            return 1;
        }
        if (stopped) {
            char *place = strstr(printed, "lw_");
            snprintf(text, text_bytes, "in cycle %llu: %.*s", (unsigned long long)h->now,
                     int(strcspn(place ? place : printed, "\n")), place ? place : printed);
            return 1;
        }
        if (h->quiet > kQuietCycles) {
            snprintf(text, text_bytes, "stuck: %s", stuck_unit(read_register(h, LW_REG_UNITS)));
            return 1;
        }
        if (most_cycles && h->now == most_cycles)
            return 0; // left in the middle; the next run resets
    }
    return finish(h, list, counters, text, text_bytes);
}

} // namespace

// shape, sizes: what the registers Shape and Memory have to say.
extern "C" void *lw_harness_new(uint32_t shape, uint32_t sizes)
{
    auto *h = new Harness;
    h->shape = shape;
    h->sizes = sizes;
    // Flip-flops begin with random bits, but not where changes of bits are counted.
    h->context.randReset(VM_COVERAGE ? 0 : 2);
    h->context.traceEverOn(LW_TRACE);
    h->top = new Vlw_engine(&h->context);
    h->top->rst_i = 1;
    return h;
}

// 0; or 1 where the engine fails, 2 where the trace does, and a text. most_cycles: leave the run
// there; 0: never. trace_cycles: of the trace, from cycle trace_from of the list on; 0: all.
extern "C" int lw_harness_run(void *self, const lw_dram_timing *timing, uint64_t seed,
                              uint8_t *memory, size_t memory_bytes, uint32_t list,
                              uint64_t most_cycles, const char *trace, uint64_t trace_from,
                              uint64_t trace_cycles, uint64_t *counters, char *text,
                              size_t text_bytes)
{
    auto *h = static_cast<Harness *>(self);
    h->memory = memory;
    h->memory_bytes = memory_bytes;
    h->trace_from = trace_from;
    h->trace_end = trace_cycles ? trace_from + trace_cycles : UINT64_MAX;
    lw_dram_reset(&h->dram, timing, uint32_t(kBeatBytes), seed);
#if LW_TRACE
    if (trace) {
        h->trace = new VerilatedFstC;
        h->top->trace(h->trace, 99);
        h->trace->open(trace);
        if (!h->trace->isOpen()) {
            delete h->trace;
            h->trace = nullptr;
            snprintf(text, text_bytes, "cannot write the trace %s", trace);
            return 2;
        }
    }
#else
    (void)trace;
#endif
    int status = simulate(h, list, most_cycles, counters, text, text_bytes);
#if LW_TRACE
    if (h->trace) {
        h->trace->close();
        delete h->trace;
        h->trace = nullptr;
    }
#endif
    return status;
}

extern "C" void lw_harness_delete(void *self)
{
    auto *h = static_cast<Harness *>(self);
#if VM_COVERAGE
    std::string file; // one a process and engine that was opened
    int count = 0;
    do
        file = std::string(getenv("LW_RTL_COVERAGE")) + "/" + std::to_string(getpid()) + "-" +
               std::to_string(count++) + ".dat";
    while (access(file.c_str(), F_OK) == 0);
    h->context.coveragep()->write(file.c_str());
#endif
    delete h->top;
    delete h;
}
