#include "models/needs.h"

#define PROGRAM(name_, package_, use_, serves_, ...)                                               \
    {.name = name_,                                                                                \
     .package = package_,                                                                          \
     .kind = LW_NEED_PROGRAM,                                                                      \
     .use = LW_NEED_FOR_##use_,                                                                    \
     .serves = serves_,                                                                            \
     ##__VA_ARGS__}
#define LIBRARY(name_, package_, use_, serves_, ...)                                               \
    {.name = name_,                                                                                \
     .package = package_,                                                                          \
     .kind = LW_NEED_LIBRARY,                                                                      \
     .use = LW_NEED_FOR_##use_,                                                                    \
     .serves = serves_,                                                                            \
     ##__VA_ARGS__}
#define PACKAGE(name_, use_, serves_)                                                              \
    {.name = name_,                                                                                \
     .package = name_,                                                                             \
     .kind = LW_NEED_PACKAGE,                                                                      \
     .use = LW_NEED_FOR_##use_,                                                                    \
     .serves = serves_}

const struct lw_need lw_needs[] = {
    [LW_NEED_CLANG] = PROGRAM("clang-19", "clang-19", ALL,
                              "generate, translate M.lwm, bench, profile, --engine rtl",
                              .variable = "LUTWIDGE_CLANG"),
    [LW_NEED_LLD] =
        PROGRAM("ld.lld-19", "lld-19", SOME, "generate --device arm-*, generate --standalone"),
    [LW_NEED_MCA] =
        PROGRAM("llvm-mca-19", "llvm-19", SOME, "bench --static, profile --device arm-*",
                .variable = "LUTWIDGE_LLVM_MCA"),
    [LW_NEED_VERILATOR] =
        PROGRAM("verilator", "verilator", SOME, "--engine rtl of translate, simulate, sweep"),
    [LW_NEED_YOSYS] = PROGRAM("yosys", "yosys", SOME,
                              "simulate --synth, compare, profile, the engine's sources and proofs",
                              .flag = "-V"),
    [LW_NEED_NEXTPNR] = PROGRAM("nextpnr-ice40", "nextpnr-ice40", SOME, "simulate --synth ice40"),
    [LW_NEED_CELLS] = PACKAGE("qflow-tech-osu018", SOME, "simulate --synth asic, compare, profile"),
    [LW_NEED_CBC] = LIBRARY("libCbcSolver.so.3", "coinor-libcbc3", SOME, "allocate",
                            .with = "coinor-libcbc-dev"),
    [LW_NEED_OPENBLAS] = LIBRARY("libopenblas.so.0", "libopenblas0-pthread", SOME,
                                 "translate --arith blas, bench --peers openblas"),
    [LW_NEED_ONEDNN] =
        LIBRARY("libdnnl.so.2", "libdnnl2", MORE, "bench --peers onednn-f32,onednn-int8"),

    PROGRAM("qemu-aarch64", "qemu-user", TESTS, "kernels and programs for Arm"),
    PACKAGE("libc6-arm64-cross", TESTS, "the C library for them"),
    PROGRAM("iverilog", "iverilog", TESTS, "the engine's sources", .flag = "-V"),
    PROGRAM("z3", "z3", TESTS, "the engine's proofs"),
    PROGRAM("valgrind", "valgrind", TESTS, "the library's memory"),
    PROGRAM("clang-format-19", "clang-format-19", TESTS, "the sources' format"),
    PROGRAM("git", "git", TESTS, "what is built and not committed"),
    PROGRAM("gzip", "gzip", TESTS, "reference texts"),
    PACKAGE("mandoc", MORE, "the manual pages"), /* no flag prints its version */
    PROGRAM("chromium", "chromium", MORE, "the report in a browser"),
    PACKAGE("libclang-rt-19-dev", TESTS, "sanitizers, coverage"),
    PACKAGE("libcriterion-dev", TESTS, "the test programs"),
    PACKAGE("libsentencepiece-dev", TESTS, "what our reader of its models is compared with"),
    PACKAGE("zlib1g-dev", TESTS, "waveforms of the engine"),
    PACKAGE("ca-certificates", TESTS, "make arm64-libraries"),

    PROGRAM("pkg-config", "pkg-config", BUILD, "flags of libraries"),
    PROGRAM("xxd", "xxd", BUILD, "files that become arrays", .flag = "-v"),
    PACKAGE("coinor-libcbc-dev", BUILD, "the solver of allocate"),
    PACKAGE("libc6-dev-arm64-cross", BUILD, "standalone programs for Arm"),
    PACKAGE("libgcc-12-dev-arm64-cross", BUILD, "standalone programs for Arm"),
    PACKAGE("libcyaml-dev", BUILD, "plans and sweeps"),
    PACKAGE("libjansson-dev", BUILD, "JSON"),
    PACKAGE("libjs-d3", BUILD, "the report's charts"),
    PACKAGE("libpopt-dev", BUILD, "options"),
    PACKAGE("libpthreadpool-dev", BUILD, "threads"),
    PACKAGE("libsqlite3-dev", BUILD, "the database"),
    PACKAGE("libxxhash-dev", BUILD, "hashes"),
    PACKAGE("libyaml-dev", BUILD, "plans and sweeps"),
};
const size_t lw_need_count = sizeof lw_needs / sizeof *lw_needs;
