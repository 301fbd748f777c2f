# Lutwidge. Everything generated lies in build/; `make help` lists the targets.
# SAN=1 builds and tests under AddressSanitizer and UndefinedBehaviorSanitizer, in build/san.

CC := clang-19
CXX := clang++-19
BUILD := build/$(if $(SAN),san,release)
VERSION := 0.1.0

ROOMS := models gen sim runtime library profiles
PACKAGES := jansson libcyaml yaml-0.1 sqlite3 popt
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Werror
comma := ,
SANITIZE := $(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize=vptr -fno-sanitize-recover=all \
	-fno-omit-frame-pointer)
OPTIMIZE := $(if $(SAN),-O1,-O2)
# Version 4 of DWARF is what valgrind of Debian 12 reads.
COMMON := -gdwarf-4 $(OPTIMIZE) $(SANITIZE) $(WARNINGS) -ffp-contract=off -fno-math-errno -fPIC \
	-fvisibility=hidden -D_GNU_SOURCE -I. \
	-I$(BUILD)/include -DLW_VERSION='"$(VERSION)"' -MMD -MP
CFLAGS = -std=c11 $(COMMON) $(shell pkg-config --cflags $(PACKAGES))
CXXFLAGS = -std=c++17 $(COMMON)
LDFLAGS := -fuse-ld=lld-19 $(SANITIZE) -rdynamic
LDLIBS = $(shell pkg-config --libs $(PACKAGES)) -lpthreadpool -ldl -lm -lpthread

# What is built is said on stderr, one line a file; V=1 shows the commands.
SAY := @printf '  %-4s %s\n' >&2
Q := $(if $(V),,@)

# The fp32 arithmetic is one file built once for each instruction set (runtime/vector.h).
ISAS_x86_64 := baseline avx2 avx512
ISA_FLAGS_avx2 := -mavx2
ISA_FLAGS_avx512 := -mavx512f -mavx512dq -mavx512bw -mavx512vl -mprefer-vector-width=512
ISAS := $(or $(ISAS_$(shell uname -m)),baseline)

sources = $(sort $(wildcard $(1)/*.c) $(wildcard $(1)/*.cc))
objects = $(patsubst %,$(BUILD)/%.o,$(basename $(filter-out runtime/vector.c sim/harness.cc,$(call sources,$(1)))))
LIBRARY := $(BUILD)/liblutwidge-all.a
LIBRARY_OBJECTS := $(foreach room,$(ROOMS),$(call objects,$(room))) $(ISAS:%=$(BUILD)/runtime/vector-%.o)
SLOW_TESTS := $(patsubst %,tests/test_%.c,bench bundle classes compile generate golden install kernels library library_api library_around \
	library_calls library_program matrix picks prefix qemu simulate standalone static synth translate)
TESTS := $(patsubst tests/%.c,$(BUILD)/tests/%,\
	$(filter-out $(SLOW_TESTS),$(sort $(wildcard tests/test_*.c))) $(SLOW_TESTS))
# SentencePiece is what our reader of its models is compared with.
TEST_SUPPORT := $(patsubst %.c,$(BUILD)/%.o,$(filter-out $(wildcard tests/test_*.c),$(wildcard tests/*.c))) \
	$(BUILD)/tests/sentencepiece.o
LONG_TESTS := $(patsubst tests/long/%.c,$(BUILD)/tests/long/%,$(sort $(wildcard tests/long/test_*.c)))

# liblutwidge: what its calls need and no more, as a shared library and as one object in an archive. Both export the names of
# library/symbols.map alone.
SHARED := $(BUILD)/liblutwidge.so.$(VERSION)
SONAME := liblutwidge.so.$(firstword $(subst ., ,$(VERSION)))
STATIC := $(BUILD)/liblutwidge.a
SHARED_LIBS := -ljansson -lm
# What `generate --standalone` links with a bundle, for each machine whose static libraries are there: the library with all that it
# needs but the C library, and a main function. Those of aarch64 come from `make arm64-libraries`.
MACHINE := $(shell uname -m)
ARM64 := build/arm64
ARM64_JANSSON := $(ARM64)/root/usr/lib/aarch64-linux-gnu/libjansson.a
STANDALONE_MACHINES := $(MACHINE) $(if $(filter-out aarch64,$(MACHINE)),$(if $(wildcard $(ARM64_JANSSON)),aarch64))
STANDALONE := $(STANDALONE_MACHINES:%=$(BUILD)/standalone-%.o)

PREFIX := /usr/local
LIBDIR := $(PREFIX)/lib
MAN1 := $(PREFIX)/share/man/man1
BASH_COMPLETION := $(PREFIX)/share/bash-completion/completions/lutwidge
ZSH_COMPLETION := $(PREFIX)/share/zsh/site-functions/_lutwidge
INSTALLED := $(PREFIX)/bin/lutwidge $(PREFIX)/include/lutwidge.h $(PREFIX)/share/man/man3/lutwidge.3 \
	$(MAN1)/lutwidge.1 $(MAN1)/lutwidge-*.1 $(BASH_COMPLETION) $(ZSH_COMPLETION) \
	$(PREFIX)/share/lutwidge/examples/translate.c $(LIBDIR)/pkgconfig/lutwidge.pc $(LIBDIR)/liblutwidge.a \
	$(LIBDIR)/$(notdir $(SHARED)) $(LIBDIR)/$(SONAME) $(LIBDIR)/liblutwidge.so \
	$(patsubst %,$(PREFIX)/lib/lutwidge/standalone-%.o,$(MACHINE) aarch64)

.PHONY: all help bootstrap arm64-libraries demo test test-long formal coverage bench-peers goldens install uninstall format clean
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
.SECONDARY:

all: $(BUILD)/lutwidge $(SHARED) $(STATIC) $(if $(SAN),,$(STANDALONE)) ## build the program and the library

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo "  SAN=1          with any target: under AddressSanitizer and UndefinedBehaviorSanitizer"
	@echo "  V=1            with any target: show the commands"

bootstrap: ## install what is missing on a bare Debian 12 (apt)
	@./bootstrap

$(BUILD)/lutwidge: $(patsubst %.c,$(BUILD)/%.o,$(wildcard cli/*.c)) $(LIBRARY)
	$(SAY) LD $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(LIBRARY): $(LIBRARY_OBJECTS)
	@rm -f $@
	$(SAY) AR $@
	$(Q)llvm-ar-19 rcs $@ $^

LIBRARY_API := $(call objects,library)
$(SHARED): $(LIBRARY_API) $(LIBRARY) library/symbols.map
	$(SAY) LD $@
	$(Q)$(CC) $(filter-out -rdynamic,$(LDFLAGS)) -shared -Wl,-soname,$(SONAME) -Wl,--version-script,library/symbols.map \
		$(if $(SAN),,-Wl$(comma)-z$(comma)defs) -o $@ $(LIBRARY_API) $(LIBRARY) -lpthreadpool -Wl,--as-needed $(SHARED_LIBS)
	$(Q)ln -sf $(notdir $@) $(BUILD)/$(SONAME)
	$(Q)ln -sf $(SONAME) $(BUILD)/liblutwidge.so

$(STATIC): $(LIBRARY_API) $(LIBRARY) library/symbols.map
	@rm -f $@
	$(SAY) AR $@
	$(Q)ld.lld-19 -r -o $(BUILD)/liblutwidge.o $(LIBRARY_API) $(LIBRARY)
	$(Q)sed -n 's/^    \(lutwidge_[a-z_]*\);$$/\1/p' library/symbols.map > $(BUILD)/symbols
	$(Q)llvm-objcopy-19 --keep-global-symbols=$(BUILD)/symbols \
		$(if $(SAN),--keep-global-symbol=___asan_globals_registered) $(BUILD)/liblutwidge.o
	$(Q)llvm-ar-19 rcs $@ $(BUILD)/liblutwidge.o

$(BUILD)/standalone-$(MACHINE).o: $(BUILD)/library/standalone/main.o $(LIBRARY_API) $(LIBRARY)
	$(SAY) LD $@
	$(Q)ld.lld-19 -r --strip-debug -o $@ $^ $(shell $(CC) -print-file-name=libjansson.a)

# The same sources for aarch64.
ARM64_OBJECTS := $(patsubst $(BUILD)/%,$(BUILD)/aarch64/%,$(BUILD)/library/standalone/main.o $(LIBRARY_API) \
	$(call objects,models) $(call objects,gen) $(call objects,runtime) $(BUILD)/runtime/vector-baseline.o)
ARM64_FLAGS = --target=aarch64-linux-gnu -isystem $(ARM64)/root/usr/include
$(BUILD)/standalone-aarch64.o: $(ARM64_OBJECTS) $(ARM64_JANSSON)
	@rm -f $(BUILD)/aarch64/all.a
	$(SAY) LD $@
	$(Q)llvm-ar-19 rcs $(BUILD)/aarch64/all.a $(filter-out %/main.o $(LIBRARY_API:$(BUILD)/%=$(BUILD)/aarch64/%) %/libjansson.a,$^)
	$(Q)ld.lld-19 -r --strip-debug -o $@ $(filter %/main.o $(LIBRARY_API:$(BUILD)/%=$(BUILD)/aarch64/%),$^) \
		$(BUILD)/aarch64/all.a $(ARM64_JANSSON)
$(BUILD)/aarch64/%.o: %.c | bootstrap
	@mkdir -p $(@D)
	$(SAY) CC $@
	$(Q)$(CC) $(ARM64_FLAGS) $(filter-out -DLW_GENERATOR%,$(CFLAGS)) -DLW_GENERATOR='"$(GENERATOR)"' -c -o $@ $<
$(BUILD)/aarch64/runtime/vector-%.o: runtime/vector.c | bootstrap
	@mkdir -p $(@D)
	$(SAY) CC $@
	$(Q)$(CC) $(ARM64_FLAGS) $(CFLAGS) -O3 -Wno-psabi -DLW_VECTOR_ISA=$* -c -o $@ $<

# Debian's libraries for aarch64, unpacked and not installed: apt with lists of its own, so that nothing of the system changes.
arm64-libraries: $(ARM64_JANSSON) ## fetch what aarch64 programs are linked with (Debian packages, unpacked in build/arm64)
$(ARM64_JANSSON): | bootstrap
	@tests/cross/fetch $(ARM64) libjansson-dev libpthreadpool-dev libxxhash-dev

$(BUILD)/%.o: %.c | bootstrap
	@mkdir -p $(@D)
	$(SAY) CC $@
	$(Q)$(CC) $(CFLAGS) -c -o $@ $<

$(BUILD)/%.o: %.cc | bootstrap
	@mkdir -p $(@D)
	$(SAY) CXX $@
	$(Q)$(CXX) $(CXXFLAGS) -c -o $@ $<

$(BUILD)/runtime/vector-%.o: runtime/vector.c | bootstrap
	@mkdir -p $(@D)
	$(SAY) CC $@
	$(Q)$(CC) $(CFLAGS) -O3 -Wno-psabi $(ISA_FLAGS_$*) -DLW_VECTOR_ISA=$* -c -o $@ $<

# Files that carry data into the program are embedded as C arrays.
EMBED = $(Q)(xxd -i < $< && echo ', 0') > $@
$(BUILD)/include/%.inc: %
	@mkdir -p $(@D)
	$(SAY) GEN $@
	$(EMBED)
# The library that draws the report's charts, as Debian has it.
$(BUILD)/include/profiles/report/d3.js.inc: /usr/share/javascript/d3/d3.min.js
	@mkdir -p $(@D)
	$(SAY) GEN $@
	$(EMBED)
# The registers of the engine, and its sources with what builds simulators of it.
RTL_SOURCES := $(sort $(wildcard rtl/*.sv rtl/baselines/*.sv rtl/synth/*.sv) rtl/registers rtl/registers.def \
	sim/dram.c sim/dram.h sim/harness.cc sim/synthesise sim/verilate)
$(BUILD)/include/sim/registers.h: rtl/registers rtl/registers.def
	@mkdir -p $(@D)
	$(SAY) GEN $@
	$(Q)rtl/registers c < rtl/registers.def > $@
$(BUILD)/include/sim/rtl_sources.inc: $(RTL_SOURCES)
	@mkdir -p $(@D)
	$(SAY) GEN $@
	$(Q)for file in $^; do \
		echo "{\"$${file##*/}\", (const unsigned char[]){"; xxd -i < $$file; echo "}, $$(wc -c < $$file)},"; done > $@
$(BUILD)/sim/sources.o: $(BUILD)/include/sim/rtl_sources.inc
SIM_USERS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard sim/*.c cli/*.c profiles/*.c tests/*.c tests/long/*.c))
$(SIM_USERS): | $(BUILD)/include/sim/registers.h
# Names the generator that made a bundle: anything in gen/ that changes makes cached bundles stale.
GENERATOR := $(shell cat $(sort $(wildcard gen/*)) | sha256sum | cut -c1-16)
USES_GENERATOR := $(BUILD)/gen/bundle.o $(BUILD)/gen/bundle_cache.o $(BUILD)/profiles/bench_kernels.o
$(USES_GENERATOR): CFLAGS += -DLW_GENERATOR='"$(GENERATOR)"'
$(USES_GENERATOR): $(wildcard gen/*)
# Names the simulators whose figures the database keeps.
SIMULATOR := $(shell cat $(RTL_SOURCES) $(sort $(wildcard sim/*.c sim/*.h gen/engine.* gen/stream.* gen/job.c)) | sha256sum | cut -c1-16)
USES_SIMULATOR := $(BUILD)/profiles/database_simulations.o $(BUILD)/profiles/costs_engine.o
$(USES_SIMULATOR): CFLAGS += -DLW_SIMULATOR='"$(SIMULATOR)"'
$(USES_SIMULATOR): $(RTL_SOURCES) $(wildcard sim/*) gen/stream.c gen/job.c gen/engine.c
$(BUILD)/profiles/database_questions.o: $(patsubst %,$(BUILD)/include/%.inc,$(wildcard profiles/questions/*.sql))
$(BUILD)/tests/filled.o: $(BUILD)/include/tests/filling.sql.inc
$(BUILD)/profiles/report.o: $(patsubst %,$(BUILD)/include/%.inc,$(wildcard profiles/report/*) profiles/report/d3.js)
$(BUILD)/profiles/database.o: $(patsubst %,$(BUILD)/include/%.inc,$(wildcard profiles/schema_*.sql))

$(BUILD)/tests/%: $(BUILD)/tests/%.o $(TEST_SUPPORT) $(LIBRARY)
	@mkdir -p $(@D)
	$(SAY) LD $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(TEST_SUPPORT) $(LIBRARY) -lcriterion $(LDLIBS) -lsentencepiece -lstdc++

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

demo: ## the main job: quantise, generate, translate, one table
	@+$(MAKE) --no-print-directory bootstrap
	@+$(MAKE) --no-print-directory $(BUILD)/lutwidge
	@demo/run $(BUILD)/lutwidge

# Kernels that tests compile are kept for the next time.
TEST_ENVIRONMENT := LUTWIDGE=$(abspath $(BUILD)/lutwidge) XDG_CACHE_HOME=$(abspath $(BUILD)/cache)

# Programs for aarch64 are tested too, where their libraries can be fetched.
TEST_ARM64 = @+$(MAKE) --no-print-directory arm64-libraries || echo 'make: programs for aarch64 will not be tested' >&2

test: ## all quick tests, quickest first
	@+$(MAKE) --no-print-directory bootstrap
	$(TEST_ARM64)
	@+$(MAKE) --no-print-directory -j$$(nproc) all $(TESTS)
	@$(TEST_ENVIRONMENT) tests/run $(TESTS)

test-long: ## the long tests
	@+$(MAKE) --no-print-directory bootstrap
	$(TEST_ARM64)
	@+$(MAKE) --no-print-directory -j$$(nproc) all $(LONG_TESTS)
	@$(TEST_ENVIRONMENT) tests/run $(LONG_TESTS)
	@$(TEST_ENVIRONMENT) tests/long/retrain
	@$(TEST_ENVIRONMENT) tests/long/report
	@$(TEST_ENVIRONMENT) tests/long/tutorial
	@BUILD=$(abspath $(BUILD)) tests/long/valgrind
	@rtl/formal/run
	@tests/coverage $(BUILD)/tests/long/test_rtl_coverage

formal: ## prove FIFO and control of the engine, and find each seeded bug (50 s)
	@+$(MAKE) --no-print-directory bootstrap
	@rtl/formal/run

coverage: ## lines and toggles of rtl/ that random jobs reach (4 min)
	@+$(MAKE) --no-print-directory bootstrap
	@+$(MAKE) --no-print-directory $(BUILD)/tests/long/test_rtl_coverage
	@tests/coverage $(BUILD)/tests/long/test_rtl_coverage

# Python packages of the peers; torch for the CPU alone, the other is many times larger.
PEERS := build/peers
PEER_TORCH := --retries 1 --find-links https://download.pytorch.org/whl/cpu/torch/ torch==2.13.0+cpu
$(PEERS)/venv/done:
	python3 -c "import ensurepip" 2>/dev/null || ./bootstrap python3-venv
	python3 -m venv $(PEERS)/venv
	$(PEERS)/venv/bin/pip install -q ctranslate2 transformers sentencepiece sacrebleu safetensors
	$(PEERS)/venv/bin/pip install -q $(PEER_TORCH)
	touch $@

# A random model of base size, and the paper's plan of it.
$(PEERS)/base/vocab.json: tests/peers/random_marian.py | $(PEERS)/venv/done
	$(PEERS)/venv/bin/python tests/peers/random_marian.py $(PEERS)/base --words 32768
$(PEERS)/base.lwm: $(BUILD)/lutwidge $(PEERS)/base/vocab.json
	$< quantize $(PEERS)/base --plan models/plans/paper.yaml --source-text models/open-en-de/calibration.en -o $@

PEER_BENCH = $(PEERS)/venv/bin/python tests/peers/ctranslate2_bench.py --lutwidge $<
MULTI30K := ../shared/models/multi30k-en-de
bench-peers: $(BUILD)/lutwidge $(PEERS)/venv/done $(PEERS)/base.lwm ## translation beside CTranslate2 and Hugging Face (15 min); PEER_OPTIONS
	for side in en de; do zcat ../shared/data/multi30k/test_2016_flickr.$$side.gz > $(PEERS)/test.$$side || exit 1; done
	$(PEER_BENCH) --model $(MULTI30K) --ours models/multi30k-en-de/e132.lwm $(MULTI30K) --text $(PEERS)/test.en \
		--ref $(PEERS)/test.de $(PEER_OPTIONS)
	$(PEER_BENCH) --model models/open-en-de --ours $(wildcard models/open-en-de/*.lwm) models/open-en-de \
		--text models/open-en-de/test.en --ref models/open-en-de/test.de $(PEER_OPTIONS)
	$(PEER_BENCH) --model $(PEERS)/base --ours $(PEERS)/base.lwm $(PEERS)/base --text $(PEERS)/test.en --length 30 \
		--lines 30 --rounds 3 --hf-lines 2 $(PEER_OPTIONS)

goldens: $(BUILD)/lutwidge ## renew the committed kernels of tests/golden; read the diff
	for f in tests/golden/*.txt; do $< generate --spec $$(basename $$f .txt) > $$f || exit 1; done

install: all ## install under PREFIX (/usr/local), LIBDIR (PREFIX/lib), in DESTDIR
	$(Q)install -d $(sort $(dir $(INSTALLED:%=$(DESTDIR)%)))
	$(Q)install -m 755 $(BUILD)/lutwidge $(DESTDIR)$(PREFIX)/bin
	$(Q)install -m 644 library/lutwidge.h $(DESTDIR)$(PREFIX)/include
	$(Q)install -m 644 docs/man/lutwidge.3 $(DESTDIR)$(PREFIX)/share/man/man3
	$(Q)$(BUILD)/lutwidge help --man > $(DESTDIR)$(MAN1)/lutwidge.1
	$(Q)for verb in $$($(BUILD)/lutwidge help --verbs); do \
		$(BUILD)/lutwidge help --man $$verb > $(DESTDIR)$(MAN1)/lutwidge-$$verb.1 || exit 1; done
	$(Q)$(BUILD)/lutwidge help --completion bash > $(DESTDIR)$(BASH_COMPLETION)
	$(Q)$(BUILD)/lutwidge help --completion zsh > $(DESTDIR)$(ZSH_COMPLETION)
	$(Q)install -m 644 examples/translate.c $(DESTDIR)$(PREFIX)/share/lutwidge/examples
	$(Q)install -m 644 $(STATIC) $(SHARED) $(DESTDIR)$(LIBDIR)
	$(if $(SAN),,$(Q)install -m 644 $(STANDALONE) $(DESTDIR)$(PREFIX)/lib/lutwidge)
	$(Q)ln -sf $(notdir $(SHARED)) $(DESTDIR)$(LIBDIR)/$(SONAME)
	$(Q)ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/liblutwidge.so
	$(Q)sed 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@VERSION@|$(VERSION)|' library/lutwidge.pc.in \
		> $(DESTDIR)$(LIBDIR)/pkgconfig/lutwidge.pc

uninstall: ## remove what install put there
	$(Q)rm -f $(INSTALLED:%=$(DESTDIR)%)
	$(Q)rmdir -p --ignore-fail-on-non-empty $(DESTDIR)$(PREFIX)/share/lutwidge/examples $(DESTDIR)$(PREFIX)/lib/lutwidge

format: ## format all sources with clang-format
	clang-format-19 -i $(foreach room,$(ROOMS) cli library/standalone tests tests/long tests/peers tests/qemu examples,$(wildcard $(room)/*.[ch] $(room)/*.cc))

clean: ## remove everything generated
	rm -rf build
