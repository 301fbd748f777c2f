/* Parameters of the engines: names and ranges. */
#include "gen/engine.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct parameter {
    const char *name;
    size_t offset;
    unsigned least, most, usual;
    bool power;  /* of two */
    bool silent; /* not in a name where it has its usual value */
} parameters[] = {
    {"mu", offsetof(struct lw_engine, mu), 2, 5, 4, false, false},
    {"t", offsetof(struct lw_engine, tables), 2, 32, 16, false, false},
    {"r", offsetof(struct lw_engine, rows), 2, 32, 8, false, false},
    {"c", offsetof(struct lw_engine, columns), 1, 4, 1, false, false},
    {"x", offsetof(struct lw_engine, x_bits), 8, 16, 8, true, false},
    {"bus", offsetof(struct lw_engine, bus_bits), 128, 1024, 512, true, false},
    {"slots", offsetof(struct lw_engine, slots), 16, 256, 64, true, false},
    {"sl", offsetof(struct lw_engine, scale_lanes), 1, 32, 8, false, false},
    {"words", offsetof(struct lw_engine, x_words), 32, 4096, 512, true, false},
    {"w", offsetof(struct lw_engine, weight_bits), 0, 8, 0, true, true},
    {"lutram", offsetof(struct lw_engine, lutram), 0, 1, 0, true, true},
};
enum { PARAMETERS = sizeof parameters / sizeof *parameters };

static unsigned *field(struct lw_engine *engine, const struct parameter *parameter)
{
    return (unsigned *)(void *)((char *)engine + parameter->offset);
}

static unsigned value(const struct lw_engine *engine, const struct parameter *parameter)
{
    return *(const unsigned *)(const void *)((const char *)engine + parameter->offset);
}

struct lw_engine lw_engine_default(void)
{
    struct lw_engine engine;
    for (size_t i = 0; i < PARAMETERS; i++)
        *field(&engine, &parameters[i]) = parameters[i].usual;
    return engine;
}

enum lw_status lw_engine_check(const struct lw_engine *engine, struct lw_error *error)
{
    for (size_t i = 0; i < PARAMETERS; i++) {
        const struct parameter *p = &parameters[i];
        unsigned given = value(engine, p);
        if (given < p->least || given > p->most || (p->power && (given & (given - 1))))
            return lw_fail(error, LW_USAGE, "engine: %s is %u; it is %u to %u%s", p->name, given,
                           p->least, p->most, p->power ? ", a power of two" : "");
    }
    if (engine->rows % engine->scale_lanes)
        return lw_fail(error, LW_USAGE, "engine: sl is %u, which does not divide r, %u",
                       engine->scale_lanes, engine->rows);
    if (engine->weight_bits == 2 || (engine->weight_bits > 1 && engine->x_bits != 8))
        return lw_fail(error, LW_USAGE,
                       "engine: w is %u with activations of %u bits; it is 1, 4 or 8, and more "
                       "than 1 with 8 bits only",
                       engine->weight_bits, engine->x_bits);
    if (engine->weight_bits && engine->lutram)
        return lw_fail(error, LW_USAGE, "engine: multipliers (w is %u) have no tables in LUTRAM",
                       engine->weight_bits);
    return LW_OK;
}

void lw_engine_name(const struct lw_engine *engine, char name[LW_ENGINE_NAME_BYTES])
{
    size_t length = 0;
    for (size_t i = 0; i < PARAMETERS; i++)
        if (!parameters[i].silent || value(engine, &parameters[i]) != parameters[i].usual)
            length +=
                (size_t)snprintf(name + length, LW_ENGINE_NAME_BYTES - length, "%s%s%u",
                                 i ? "-" : "", parameters[i].name, value(engine, &parameters[i]));
}

unsigned lw_engine_key_bits(const struct lw_engine *engine)
{
    return engine->weight_bits > 1 ? engine->weight_bits : 1;
}

unsigned lw_engine_table_delay(const struct lw_engine *engine)
{
    return engine->lutram ? 1u << (engine->mu - 1) : 0;
}

unsigned lw_engine_step_bits(const struct lw_engine *engine)
{
    return engine->rows * engine->tables * engine->mu * lw_engine_key_bits(engine);
}

unsigned lw_engine_slots(const struct lw_engine *engine, unsigned planes)
{
    return engine->weight_bits > 1 ? 1 : planes;
}

/* Reads one "NAMEvalue" that ends at '-' or at the end, of a name that is not among those `given`;
 * NULL where it is none. */
static const char *parse_one(const char *text, unsigned *given, struct lw_engine *engine)
{
    for (size_t i = 0; i < PARAMETERS; i++) {
        size_t length = strlen(parameters[i].name);
        if (strncmp(text, parameters[i].name, length) != 0 || text[length] < '0' ||
            text[length] > '9')
            continue;
        char *end;
        unsigned long number = strtoul(text + length, &end, 10);
        if ((*end != '\0' && *end != '-') || number > 65536 || *given >> i & 1)
            return NULL;
        *given |= 1u << i;
        *field(engine, &parameters[i]) = (unsigned)number;
        return *end == '-' ? end + 1 : end;
    }
    return NULL;
}

enum lw_status lw_engine_parse(const char *name, struct lw_engine *engine, struct lw_error *error)
{
    *engine = lw_engine_default();
    unsigned given = 0;
    for (const char *at = name; *at;) {
        const char *next = parse_one(at, &given, engine);
        if (!next)
            return lw_fail(error, LW_USAGE,
                           "engine '%s': '%s' is none of mu, t, r, c, x, bus, slots, sl, words, "
                           "w, lutram with a number, each once",
                           name, at);
        at = next;
    }
    return lw_engine_check(engine, error);
}
