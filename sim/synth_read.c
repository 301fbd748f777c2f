/* The report of sim/synthesise: figures of modules, summed over the instances of each block. */
#include "sim/synth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MODULES = 128, CELLS = 4096, NAME_BYTES = 160 };

struct module {
    char name[NAME_BYTES];
    double area, memory_bits, delay_ps;
};

struct cell {
    size_t module;
    char type[NAME_BYTES];
    double count;
};

struct report {
    size_t module_count, cell_count;
    struct module modules[MODULES];
    struct cell cells[CELLS];
    double unit, flop_area; /* areas of a NAND2 and of a flip-flop */
};

static struct module *find_module(struct report *report, const char *name)
{
    for (size_t i = 0; i < report->module_count; i++)
        if (strcmp(report->modules[i].name, name) == 0)
            return &report->modules[i];
    return NULL;
}

/* NULL: there are too many. */
static struct module *module_of(struct report *report, const char *name)
{
    struct module *module = find_module(report, name);
    if (!module && report->module_count < MODULES) {
        module = &report->modules[report->module_count++];
        *module = (struct module){0};
        snprintf(module->name, sizeof module->name, "%s", name);
    }
    return module;
}

static bool take_line(struct report *report, struct lw_synth *synth, const char *line)
{
    char name[NAME_BYTES], type[NAME_BYTES];
    double value;
    struct module *module;
    if (sscanf(line, "cell %159s %159s %lf", name, type, &value) == 3) {
        if (!(module = module_of(report, name)) || report->cell_count == CELLS)
            return false;
        struct cell *cell = &report->cells[report->cell_count++];
        cell->module = (size_t)(module - report->modules);
        memcpy(cell->type, type, sizeof type);
        cell->count = value;
        return true;
    }
    if (sscanf(line, "flop %159s %lf", type, &value) == 2) {
        if (strcmp(type, "DFFPOSX1") == 0)
            report->flop_area = value;
        return true;
    }
    if (sscanf(line, "unit %lf", &report->unit) == 1 ||
        sscanf(line, "clock %lf", &synth->clock_mhz) == 1)
        return true;
    if (sscanf(line, "%159s %159s %lf", type, name, &value) != 3 ||
        !(module = module_of(report, name)))
        return false;
    if (strcmp(type, "area") == 0)
        module->area = value;
    else if (strcmp(type, "memory") == 0)
        module->memory_bits += value;
    else if (strcmp(type, "delay") == 0)
        module->delay_ps = value > module->delay_ps ? value : module->delay_ps;
    else
        return false;
    return true;
}

/* Adds cells of the FPGAs and flip-flops. A LUT memory takes as many LUTs as it has ports. */
static void add_cell(const char *type, double count, struct lw_synth_block *block)
{
    static const struct {
        const char *start;
        double luts;
    } memories[] = {{"RAM32M", 4},   {"RAM64M", 4},   {"RAM128X1D", 4}, {"RAM32X1D", 2},
                    {"RAM64X1D", 2}, {"RAM32X1S", 1}, {"RAM64X1S", 1},  {"SRL", 1}};
    for (size_t i = 0; i < sizeof memories / sizeof *memories; i++)
        if (strncmp(type, memories[i].start, strlen(memories[i].start)) == 0) {
            block->memory_luts += count * memories[i].luts;
            block->luts += count * memories[i].luts;
            return;
        }
    if ((strncmp(type, "LUT", 3) == 0 && type[3] >= '1' && type[3] <= '6') ||
        strcmp(type, "SB_LUT4") == 0 || strcmp(type, "INV") == 0)
        block->luts += count;
    else if (strncmp(type, "DFF", 3) == 0 || strncmp(type, "SB_DFF", 6) == 0 ||
             strncmp(type, "FD", 2) == 0)
        block->flops += count;
    else if (strncmp(type, "DSP48", 5) == 0)
        block->dsps += count;
    else if (strncmp(type, "RAMB36", 6) == 0 || strncmp(type, "SB_RAM40", 8) == 0)
        block->rams += count;
    else if (strncmp(type, "RAMB18", 6) == 0)
        block->rams += count / 2;
}

/* "table" of "$paramod$0123\lw_table" */
static void plain_name(const char *module, char name[LW_BLOCK_NAME_BYTES])
{
    const char *start = strstr(module, "lw_");
    size_t length = start ? strcspn(start + 3, "\\") : 0;
    snprintf(name, LW_BLOCK_NAME_BYTES, "%.*s", (int)(length < 20 ? length : 20),
             start ? start + 3 : "");
}

/* Adds what is in a module itself. */
static void add_own(const struct report *report, size_t index, double times,
                    struct lw_synth_block *block)
{
    const struct module *module = &report->modules[index];
    struct lw_synth_block own = {0};
    for (size_t i = 0; i < report->cell_count; i++)
        if (report->cells[i].module == index)
            add_cell(report->cells[i].type, report->cells[i].count, &own);
    block->luts += times * own.luts;
    block->memory_luts += times * own.memory_luts;
    block->flops += times * own.flops;
    block->rams += times * own.rams;
    block->dsps += times * own.dsps;
    block->memory_bits += times * module->memory_bits;
    if (report->unit > 0) {
        block->gates += times * module->area / report->unit;
        block->flop_gates += times * own.flops * report->flop_area / report->unit;
    }
    if (module->delay_ps / 1e3 > block->delay_ns)
        block->delay_ns = module->delay_ps / 1e3;
}

static void add_block(struct lw_synth_block *sum, const struct lw_synth_block *block)
{
    sum->gates += block->gates;
    sum->flop_gates += block->flop_gates;
    sum->flops += block->flops;
    sum->memory_bits += block->memory_bits;
    sum->luts += block->luts;
    sum->memory_luts += block->memory_luts;
    sum->rams += block->rams;
    sum->dsps += block->dsps;
    sum->delay_ns = block->delay_ns > sum->delay_ns ? block->delay_ns : sum->delay_ns;
}

static struct lw_synth_block *block_of(struct lw_synth *synth, const char *name)
{
    for (size_t i = 0; i < synth->count; i++)
        if (strcmp(synth->blocks[i].name, name) == 0)
            return &synth->blocks[i];
    if (synth->count == LW_SYNTH_BLOCKS)
        return NULL;
    struct lw_synth_block *block = &synth->blocks[synth->count++];
    *block = (struct lw_synth_block){0};
    snprintf(block->name, sizeof block->name, "%s", name);
    return block;
}

/* A module with all in it, as parts "BLOCK.NAME" of a block. */
static bool add_parts(struct report *report, struct lw_synth *synth, const char *block,
                      size_t index, double times)
{
    char plain[LW_BLOCK_NAME_BYTES], name[2 * LW_BLOCK_NAME_BYTES];
    plain_name(report->modules[index].name, plain);
    snprintf(name, sizeof name, "%.10s.%.20s", block, plain);
    struct lw_synth_block *part = block_of(synth, name);
    if (!part)
        return false;
    add_own(report, index, times, part);
    for (size_t i = 0; i < report->cell_count; i++) {
        const struct cell *cell = &report->cells[i];
        const struct module *inner = cell->module == index ? find_module(report, cell->type) : NULL;
        if (inner && !add_parts(report, synth, block, (size_t)(inner - report->modules),
                                times * cell->count))
            return false;
    }
    return true;
}

/* A block, and behind it its parts where it has several. */
static bool add_top(struct report *report, struct lw_synth *synth, const char *name, size_t index,
                    double times)
{
    bool there = lw_synth_block(synth, name) != NULL;
    struct lw_synth scratch = {0};
    struct lw_synth_block *block = block_of(synth, name);
    if (!block || !add_parts(report, &scratch, name, index, times))
        return false;
    double series = 0;
    for (size_t i = 0; i < scratch.count; i++) {
        const char *part = strchr(scratch.blocks[i].name, '.') + 1;
        add_block(block, &scratch.blocks[i]);
        if (strcmp(part, "entries") != 0 && strcmp(part, "lanes") != 0)
            series += scratch.blocks[i].delay_ns;
    }
    bool lanes = strcmp(name, "lanes") == 0 || strcmp(name, "products") == 0;
    if (lanes)
        block->delay_ns = series;
    for (size_t i = 0; i < scratch.count && (lanes || scratch.count > 1) && !there; i++) {
        struct lw_synth_block *part = block_of(synth, scratch.blocks[i].name);
        if (!part)
            return false;
        *part = scratch.blocks[i];
    }
    return true;
}

static bool sum_blocks(struct report *report, struct lw_synth *synth)
{
    const struct module *top = find_module(report, "lw_engine");
    for (size_t i = 0; i < report->module_count && !top; i++)
        if (strstr(report->modules[i].name, "lw_engine") ||
            strstr(report->modules[i].name, "lw_small"))
            top = &report->modules[i];
    if (!top)
        return false;
    size_t index = (size_t)(top - report->modules);
    for (size_t i = 0; i < report->cell_count; i++) {
        const struct cell *cell = &report->cells[i];
        const struct module *inner = cell->module == index ? find_module(report, cell->type) : NULL;
        char name[LW_BLOCK_NAME_BYTES];
        if (!inner)
            continue;
        plain_name(inner->name, name);
        if (!add_top(report, synth, name, (size_t)(inner - report->modules), cell->count))
            return false;
    }
    char name[LW_BLOCK_NAME_BYTES];
    plain_name(top->name, name);
    struct lw_synth_block *own = block_of(synth, name);
    if (!own)
        return false;
    add_own(report, index, 1, own);
    strcpy(synth->all.name, "all");
    for (size_t i = 0; i < synth->count; i++)
        if (!strchr(synth->blocks[i].name, '.'))
            add_block(&synth->all, &synth->blocks[i]);
    const struct module *adder = find_module(report, "lw_adder");
    if (adder && report->unit > 0)
        synth->adder_gates = adder->area / report->unit;
    return true;
}

enum lw_status lw_synth_read(const char *text, struct lw_synth *synth, struct lw_error *error)
{
    struct report *report = calloc(1, sizeof *report);
    if (!report)
        return lw_fail(error, LW_FAILED, "out of memory for a report of synthesis");
    synth->count = 0;
    synth->all = (struct lw_synth_block){0};
    synth->adder_gates = synth->clock_mhz = 0;
    enum lw_status status = LW_OK;
    for (const char *line = text; *line && status == LW_OK;) {
        char own[2 * NAME_BYTES + 64];
        size_t length = strcspn(line, "\n");
        snprintf(own, sizeof own, "%.*s", (int)length, line);
        if (!take_line(report, synth, own))
            status = lw_fail(error, LW_CORRUPT, "report of synthesis: line '%.60s'", own);
        line += length + (line[length] == '\n');
    }
    if (status == LW_OK && !sum_blocks(report, synth))
        status = lw_fail(error, LW_CORRUPT, "report of synthesis: there is no top module");
    if (status == LW_OK && synth->flow == LW_SYNTH_ASIC &&
        !(report->unit > 0 && report->flop_area > 0 && synth->adder_gates > 0))
        status =
            lw_fail(error, LW_CORRUPT, "report of synthesis: areas of the library are missing");
    if (status == LW_OK && synth->flow == LW_SYNTH_ICE40 && !(synth->clock_mhz > 0))
        status = lw_fail(error, LW_CORRUPT, "report of synthesis: there is no clock");
    free(report);
    return status;
}

const struct lw_synth_block *lw_synth_block(const struct lw_synth *synth, const char *name)
{
    for (size_t i = 0; i < synth->count; i++)
        if (strcmp(synth->blocks[i].name, name) == 0)
            return &synth->blocks[i];
    return NULL;
}

const struct lw_synth_block *lw_synth_lanes(const struct lw_synth *synth)
{
    const struct lw_synth_block *lanes = lw_synth_block(synth, "lanes");
    return lanes ? lanes : lw_synth_block(synth, "products");
}
