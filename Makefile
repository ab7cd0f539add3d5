# ClinSafe: one non-recursive Makefile. `make help` lists the targets.
#
# MODE=release|debug|asan|tsan|fuzz   how to build; everything but release goes to build-MODE/
# CC=gcc|clang                        the compiler
# BUILD=DIR                           where to build (default build/ or build-MODE/)
# V=1                                 show the commands

MODE  ?= release
BUILD ?= $(if $(filter release,$(MODE)),build,build-$(MODE))
PREFIX ?= /usr/local
Q     := $(if $(V),,@)
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc) # what the command line says goes before
endif

# `make run` and `make test` on a bare machine: install first, then start again with the libraries there.
ifeq ($(origin CC),default)
CC := gcc
endif

WARN := -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes -Wmissing-prototypes \
        -Wold-style-definition -Wvla -Wformat=2 -Wcast-align -Wcast-qual -Wwrite-strings -Wnull-dereference \
        -Wimplicit-fallthrough -Wswitch-enum -Wundef
ifneq ($(findstring clang,$(CC)),)
WARN += -Wno-missing-field-initializers # gcc's is about the rest of a list without names, clang's about any
endif
SANITIZED := $(if $(findstring clang,$(CC)),-D__SANITIZE_ADDRESS__=1) # which gcc defines by itself
CFLAGS_release := -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fcf-protection \
                  $(if $(findstring clang,$(CC)),,-ftrivial-auto-var-init=zero)
CFLAGS_debug   := -O0 -g3
CFLAGS_asan    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer $(SANITIZED)
CFLAGS_tsan    := -O1 -g -fsanitize=thread -fno-omit-frame-pointer
CFLAGS_fuzz    := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all $(SANITIZED)
LDFLAGS_release := -pie -Wl,-z,relro,-z,now
LDFLAGS_asan   := -fsanitize=address,undefined
LDFLAGS_tsan   := -fsanitize=thread
LDFLAGS_fuzz   := -fsanitize=address,undefined
ifeq ($(filter $(MODE),release debug asan tsan fuzz),)
$(error MODE=$(MODE): want release, debug, asan, tsan or fuzz)
endif

# A tag v0.2.0 is version 0.2.0; commits after it are 0.2.0-N-gHASH; where no tag was fetched, the newest of the changelog stands for it: 0.2.0-gHASH.
# Without git: the file VERSION of a tarball, or what `git archive` wrote into ops/VERSION.
VERSION := $(shell cat VERSION 2>/dev/null || sed -n 's/^v\{0,1\}\([0-9].*\)/\1/p' ops/VERSION | grep . || \
  git describe --tags --match 'v[0-9]*' --dirty 2>/dev/null | sed 's/^v//' | grep . || \
  { sed -n 's/^\#\# \([0-9.]*\) .*/\1/p;T;q' ops/CHANGELOG.md | tr -d '\n'; git describe --always --dirty --exclude '*' 2>/dev/null | sed 's/^/-g/' | grep . || echo; })
VERSION_PROTOCOL := 1.$(shell sed -n 's/.*CS_WIRE_MINOR = \([0-9]*\).*/\1/p' protocol/wire/messages.h)
VERSION_STORE := $(shell sed -n 's/.*CS_STORE_FORMAT = \([0-9]*\).*/\1/p' store/store_internal.h)
CFLAGS  ?=
ALL_CFLAGS = -std=c17 -D_GNU_SOURCE -I. -fPIE $(WARN) $(if $(WERROR),-Werror) $(CFLAGS_$(MODE)) $(CFLAGS)
ALL_LDFLAGS = $(LDFLAGS_$(MODE)) $(LDFLAGS)

# ---- sources: one static library a folder, so that a forbidden call fails to link ---------------
MAINS := coordinator/main.c worker/main.c tools/clinsafe.c tools/simulator/main.c
src    = $(filter-out $(MAINS),$(foreach d,$(1),$(wildcard $(d)/*.c)))
obj    = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
lib    = $(BUILD)/lib$(1).a

SRC_base        := $(call src,protocol/base)
SRC_table       := $(call src,protocol/table)
SRC_study       := $(call src,protocol/study)
SRC_dialects    := $(call src,protocol/dialects protocol/dialects/replies protocol/dialects/system)
SRC_load        := $(call src,protocol/load)
SRC_wire        := $(call src,protocol/wire)
SRC_signals     := $(call src,protocol/signals)
SRC_store       := $(call src,store)
SRC_children    := $(call src,store/children)
SRC_redis       := $(call src,store/redis)
SRC_lanes       := $(call src,coordinator/lanes)
SRC_core        := $(call src,coordinator/core)
SRC_page        := $(call src,coordinator/page)
SRC_coordinator := $(call src,coordinator)
SRC_calls       := $(call src,worker/calls)
SRC_work        := $(call src,worker/core)
SRC_worker      := $(call src,worker)
SRC_toolbox     := $(call src,tools/base)
SRC_judged      := $(call src,tools/judged)
SRC_export      := $(call src,tools/export)
SRC_labels      := $(call src,tools/labels)
SRC_verify      := $(call src,tools/verify)
SRC_plan        := $(call src,tools/plan)
SRC_fleet       := $(call src,tools/fleet)
SRC_slurm       := $(call src,tools/slurm)
SRC_screen      := $(call src,tools/screen)
SRC_wall        := $(call src,tools/wall)
SRC_bill        := $(call src,tools/bill)
SRC_suite       := $(call src,tools/suite)
SRC_backup      := $(call src,tools/backup)
SRC_stats       := $(call src,tools/report/stats)
SRC_reading     := $(call src,tools/report/read)
SRC_report      := $(call src,tools/report)
SRC_analysis    := $(call src,tools/report/analysis tools/report/analysis/beside)
SRC_html        := $(call src,tools/report/html)
SRC_forms       := $(call src,tools/report/forms)
SRC_tools       := $(call src,tools)
SRC_simulator   := $(call src,tools/simulator)
LIBS := base table study dialects load wire signals store children redis lanes core page coordinator calls work worker toolbox judged export labels verify plan \
        fleet slurm screen wall bill suite backup stats reading report analysis html forms tools simulator

# The order is that of the arrows, and each library is searched once: a call against them does not link.
libs        = $(foreach l,$(1),$(call lib,$(l)))
L_protocol  = $(call libs,signals wire load dialects study table base)
L_store     = $(call libs,redis children store) $(L_protocol)
L_coordinator = $(call libs,coordinator page core lanes)
L_worker    = $(call libs,worker work calls)
L_tools     = $(call libs,tools suite backup bill wall screen slurm fleet plan labels verify forms html analysis report reading stats export judged toolbox) $(L_store)
L_simulator = $(call libs,simulator table base)

SYS_protocol  := -lzmq -lmsgpackc -ljansson -lyaml -lcsv -lzip -lexpat -lsodium
SYS_simulator := -lstb -lwebp
SYS_store     := -lrocksdb -lhiredis -luv $(SYS_protocol)

PROGRAMS := $(BUILD)/clinsafe $(BUILD)/clinsafe-coordinator $(BUILD)/clinsafe-worker $(BUILD)/clinsafe-simulator

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY: # objects are kept
.PHONY: all setup run test test-short test-unit test-e2e test-cluster test-asan fuzz-smoke lint install clean help bench bench-quota sim FORCE

all: $(PROGRAMS)          ## build the four programs

$(BUILD)/clinsafe-coordinator: $(BUILD)/obj/coordinator/main.o $(L_coordinator) $(L_store)
$(BUILD)/clinsafe-worker:      $(BUILD)/obj/worker/main.o $(L_worker) $(L_store)
$(BUILD)/clinsafe:             $(BUILD)/obj/tools/clinsafe.o $(L_tools)
$(BUILD)/clinsafe-simulator:   $(BUILD)/obj/tools/simulator/main.o $(L_simulator)

$(BUILD)/clinsafe-coordinator: LDLIBS = -lmicrohttpd $(SYS_store)
$(BUILD)/clinsafe-worker:      LDLIBS = -lcurl -lz -lmicrohttpd $(SYS_store)
$(BUILD)/clinsafe:             LDLIBS = -lncursesw -lgsl -lgslcblas $(SYS_store)
$(BUILD)/clinsafe-simulator:   LDLIBS = $(SYS_simulator) -lmicrohttpd -ljansson -lyaml -lcsv -lzip -lexpat -lsodium

$(PROGRAMS):
	$(Q)echo "  LINK    $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LDLIBS) -lpthread -lm

define library
$(call lib,$(1)): $(call obj,$(SRC_$(1)))
	$(Q)mkdir -p $$(@D); rm -f $$@
	$(Q)ar rcs $$@ $$^
endef
$(foreach l,$(LIBS),$(eval $(call library,$(l))))

$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	$(Q)mkdir -p $(@D)
	$(Q)echo "  CC      $<"
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# gcc sees a NULL that an assertion before it has ruled out. Private: a prerequisite, the file of flags, would have it too.
$(BUILD)/obj/tests/%.o: private ALL_CFLAGS += -Wno-null-dereference

# the version string is rebuilt alone; a change of flags rebuilds all
$(BUILD)/obj/protocol/base/version.o: private ALL_CFLAGS += -DCS_VERSION='"$(VERSION)"' -DCS_VERSION_PROTOCOL='"$(VERSION_PROTOCOL)"' \
  -DCS_VERSION_STORE='"$(VERSION_STORE)"'
$(BUILD)/obj/protocol/base/version.o: $(BUILD)/version
$(BUILD)/version: FORCE
	$(Q)mkdir -p $(@D); echo '$(VERSION) $(VERSION_PROTOCOL) $(VERSION_STORE)' | cmp -s - $@ || echo '$(VERSION) $(VERSION_PROTOCOL) $(VERSION_STORE)' > $@
$(BUILD)/flags: FORCE
	$(Q)mkdir -p $(@D); echo '$(CC) $(ALL_CFLAGS)' | cmp -s - $@ || echo '$(CC) $(ALL_CFLAGS)' > $@

-include $(shell test -d $(BUILD)/obj && find $(BUILD)/obj -name '*.d')

# ---- tests ---------------------------------------------------------------------------------------
UNIT := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))
UNIT_LIBS := $(call lib,simulator) $(L_coordinator) $(L_worker) $(L_tools)
$(BUILD)/unit/%: $(BUILD)/obj/tests/unit/%.o $(UNIT_LIBS)
	$(Q)mkdir -p $(@D); echo "  LINK    $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $< $(UNIT_LIBS) -lcmocka $(SYS_simulator) -lcurl -lz -lmicrohttpd -lncursesw -lgsl -lgslcblas $(SYS_store) -lpthread -lm

FUZZ := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_LIBS := $(L_worker) $(call lib,simulator) $(L_store)
$(BUILD)/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(FUZZ_LIBS)
	$(Q)mkdir -p $(@D); echo "  LINK    $@"
	$(Q)$(CC) -fsanitize=fuzzer,address,undefined -o $@ $< $(FUZZ_LIBS) $(SYS_simulator) -lcurl -lz -lmicrohttpd $(SYS_store) -lpthread -lm

OOM := $(patsubst tests/fuzz/fuzz_%.c,$(BUILD)/oom/%,$(wildcard tests/fuzz/fuzz_*.c))
$(BUILD)/oom/%: $(BUILD)/obj/tests/fuzz/fuzz_%.o $(BUILD)/obj/tests/fuzz/out_of_memory.o $(FUZZ_LIBS)
	$(Q)mkdir -p $(@D); echo "  LINK    $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -Wl,--undefined=cs_json_str -o $@ $(filter %.o,$^) $(FUZZ_LIBS) $(SYS_simulator) -lcurl -lz -lmicrohttpd $(SYS_store) -lpthread -lm

SIM := $(call obj,$(wildcard tests/sim/*.c))
$(BUILD)/sim/fleet_sim: $(SIM) $(L_coordinator) $(L_worker) $(L_store)
	$(Q)mkdir -p $(@D); echo "  LINK    $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) -lcurl -lz -lmicrohttpd $(SYS_store) -lpthread -lm

# What the crash tests need beside the programs: the checker, the power cut, coordinators with a fault of the tests' own.
MUTANTS := $(addprefix $(BUILD)/crash/coordinator-,unsynced unwritten deaf forgetful casewise missent)
CRASH := $(MUTANTS) $(BUILD)/crash/check $(BUILD)/crash/powercut.so
COORDINATOR := $(BUILD)/obj/coordinator/main.o $(L_coordinator) $(L_store)
$(BUILD)/crash/check: $(BUILD)/obj/tests/crash/check.o $(L_store)
$(BUILD)/crash/coordinator-unsynced: $(BUILD)/obj/tests/crash/mutate_sync.o $(COORDINATOR)
$(BUILD)/crash/coordinator-unwritten: $(call obj,tests/crash/mutate_sync.c tests/crash/mutate_flush.c) $(COORDINATOR)
$(BUILD)/crash/coordinator-deaf: $(BUILD)/obj/tests/crash/mutate_deaf.o $(COORDINATOR)
$(BUILD)/crash/coordinator-deaf: LDFLAGS += -Wl,--wrap=rocksdb_write
$(BUILD)/crash/coordinator-forgetful: $(BUILD)/obj/tests/crash/mutate_forget.o $(COORDINATOR)
$(BUILD)/crash/coordinator-forgetful: LDFLAGS += -Wl,--wrap=cs_batch_add_meta
$(BUILD)/crash/coordinator-casewise: $(BUILD)/obj/tests/crash/mutate_group.o $(COORDINATOR)
$(BUILD)/crash/coordinator-casewise: LDFLAGS += -Wl,--wrap=cs_plan_group_end
$(BUILD)/crash/coordinator-missent: $(BUILD)/obj/tests/crash/mutate_sent.o $(COORDINATOR)
$(BUILD)/crash/coordinator-missent: LDFLAGS += -Wl,--wrap=cs_batch_add_output
$(BUILD)/crash/coordinator-un%: LDFLAGS += -Wl,--wrap=rocksdb_writeoptions_set_sync
$(BUILD)/crash/coordinator-unwritten: LDFLAGS += -Wl,--wrap=rocksdb_options_set_manual_wal_flush
$(BUILD)/crash/check $(MUTANTS):
	$(Q)mkdir -p $(@D); echo "  LINK    $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) -lmicrohttpd $(SYS_store) -lpthread -lm
$(BUILD)/crash/powercut.so: tests/crash/powercut.c $(BUILD)/flags
	$(Q)mkdir -p $(@D); echo "  LINK    $@"
	$(Q)$(CC) $(ALL_CFLAGS) -U_FORTIFY_SOURCE -fPIC -shared -o $@ $< -lpthread -ldl

# A command line whose study files need the newest minor version of the protocol.
$(BUILD)/compat/clinsafe-needs: $(BUILD)/obj/tests/compat/needs.o $(BUILD)/obj/tools/clinsafe.o $(L_tools)
	$(Q)mkdir -p $(@D); echo "  LINK    $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -Wl,--wrap=cs_minor_needed -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group \
	  -lncursesw -lgsl -lgslcblas $(SYS_store) -lpthread -lm

setup:                    ## install the Debian packages that are missing (one list: ops/packages)
	$(Q)ops/setup $(or $(SETUP),run)

# A fresh make after set-up, so that nothing was decided before the libraries were there.
run:                      ## install what is missing, build, run the demo study, make its report
	$(Q)ops/setup run
	$(Q)$(MAKE) --no-print-directory all
	$(Q)$(BUILD)/clinsafe run ops/studies/demo/study.yaml
	$(Q)$(BUILD)/clinsafe report ops/studies/demo/study.yaml --out $(BUILD)/demo-report.html
	$(Q)echo; echo "The report, for a browser: $(abspath $(BUILD))/demo-report.html"

.PHONY: suite
suite:                    ## suite v1 on its two simulated models: score cards, side by side (ops/suites/)
	$(Q)ops/setup run
	$(Q)$(MAKE) --no-print-directory all
	$(Q)for m in sound frail; do $(BUILD)/clinsafe suite run v1 --model simulated-$$m --dir $(BUILD)/suite-v1-$$m || exit; done
	$(Q)$(BUILD)/clinsafe suite check $(BUILD)/suite-v1-sound/card.json $(BUILD)/suite-v1-frail/card.json
	$(Q)echo; echo "The cards, for a browser: $(abspath $(BUILD))/suite-v1-sound/card.html and $(abspath $(BUILD))/suite-v1-frail/card.html"
	$(Q)if [ -t 1 ] && [ -n "$$DISPLAY" ] && command -v xdg-open >/dev/null; then xdg-open $(abspath $(BUILD))/suite-v1-frail/card.html; fi

test:                     ## install what is missing, build, pass every test
	$(Q)ops/setup run test
	$(Q)$(MAKE) --no-print-directory all units
	$(Q)tests/run-all --build $(BUILD) unit e2e cluster

test-short:               ## as `make test`, unit and short end-to-end tests only
	$(Q)ops/setup run test
	$(Q)$(MAKE) --no-print-directory all units
	$(Q)tests/run-all --build $(BUILD) --short unit e2e

test-asan:                ## unit and short end-to-end tests under ASan and UBSan
	$(Q)ops/setup run test
	$(Q)$(MAKE) --no-print-directory MODE=asan all units
	$(Q)tests/run-all --build build-asan --short unit e2e

.PHONY: units fuzzers
units: $(UNIT)
fuzzers: $(FUZZ)

fuzz-smoke:               ## every fuzzer over its corpus, then for some seconds each (FUZZ_SECONDS=20)
	$(Q)ops/setup run test ci
	$(Q)$(MAKE) --no-print-directory MODE=fuzz CC=clang fuzzers
	$(Q)tests/fuzz/smoke --build build-fuzz --seconds $(or $(FUZZ_SECONDS),20)

.PHONY: fuzz storm test-tsan
fuzz:                     ## the same for longer (FUZZ_SECONDS=300 each)
	$(Q)$(MAKE) --no-print-directory fuzz-smoke FUZZ_SECONDS=$(or $(FUZZ_SECONDS),300)

storm:                    ## a minute of mixed errors, an outage, a revoked key, judged by the provider's log (STORM_S=60)
	$(Q)$(MAKE) --no-print-directory all
	$(Q)CLINSAFE_BUILD=$(BUILD) CLINSAFE_STORM_S=$(or $(STORM_S),60) tests/e2e/test_storm.py

# The parts that have threads: commit, bootstrap and scans of the report, the simulator's server.
TSAN_UNITS := commit report_reduce stats_variation simulator_server
test-tsan:                ## unit tests of all that has threads, under ThreadSanitizer
	$(Q)ops/setup run test
	$(Q)$(MAKE) --no-print-directory MODE=tsan $(TSAN_UNITS:%=build-tsan/unit/test_%)
	$(Q)set -e; for t in $(TSAN_UNITS); do \
	  TSAN_OPTIONS="suppressions=tests/tsan.supp halt_on_error=1 exitcode=66" build-tsan/unit/test_$$t; done

.PHONY: oom
oom: $(OOM)               ## every parser of foreign bytes while memory runs out (tests/fuzz/out_of_memory.c)
	$(Q)tests/fuzz/oom --build $(BUILD)

.PHONY: duty
sim: $(BUILD)/sim/fleet_sim ## simulate a fleet: SEEDS=1000 histories, the trace of SEED=n, MUTATE=all, PROFILE=thousand (tests/sim/)
	$(Q)$< $(if $(SEED),--seed $(SEED) --trace,--seeds 1..$(or $(SEEDS),1000)) $(if $(MUTATE),--mutate $(MUTATE)) $(if $(PROFILE),--profile $(PROFILE))
duty: $(BUILD)/sim/fleet_sim ## two weeks of an operator's life with six studies, simulated: SEEDS=2, the trace of SEED=n
	$(Q)$< --profile duty $(if $(SEED),--seed $(SEED) --trace,--seeds 1..$(or $(SEEDS),2))

.PHONY: crash talks budget powercut diskfull iofault redisfault clockjump crash-tools
crash-tools: all $(CRASH)
crash: crash-tools        ## kill -9 any process of a fleet, ROUNDS=300 times, SEED=n (tests/crash/)
	$(Q)CLINSAFE_BUILD=$(BUILD) tests/crash/crash.py $(CRASH_ARGS)
talks: crash-tools        ## kill -9 in mid-conversation and between look-ups, ROUNDS=300 times, SEED=n; five turns under a hard budget (SHORT=1)
	$(Q)CLINSAFE_BUILD=$(BUILD) tests/crash/talks.py $(CRASH_ARGS)
budget: crash-tools       ## a hard budget under kill -9, by the provider's own bill, SEED=n (SHORT=1: some minutes)
	$(Q)CLINSAFE_BUILD=$(BUILD) tests/crash/budget.py $(CRASH_ARGS)
powercut: crash-tools     ## power cuts: what was not synced is lost, ROUNDS=300 times, SEED=n
	$(Q)CLINSAFE_BUILD=$(BUILD) tests/crash/powercut.py $(CRASH_ARGS)
diskfull: crash-tools     ## the disk fills up, and has room again
	$(Q)CLINSAFE_BUILD=$(BUILD) tests/crash/diskfull.py $(CRASH_ARGS)
iofault: crash-tools      ## failing, short and slow writes and syncs; rotten bytes
	$(Q)CLINSAFE_BUILD=$(BUILD) tests/crash/iofault.py $(CRASH_ARGS)
redisfault: crash-tools   ## Redis flushed, restarted, read-only, full, slow, with another password
	$(Q)CLINSAFE_BUILD=$(BUILD) tests/crash/redisfault.py $(CRASH_ARGS)
clockjump: crash-tools    ## wall clocks jump by hours in mid-run
	$(Q)CLINSAFE_BUILD=$(BUILD) tests/crash/clockjump.py $(CRASH_ARGS)
CRASH_ARGS = $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SEED),--seed $(SEED)) $(if $(SHORT),--short)

.PHONY: compat
compat: all $(BUILD)/compat/clinsafe-needs ## beside the programs of the version before: mixed fleets, upgrades (SHORT=1)
	$(Q)tests/compat/versions.py --build
	$(Q)tests/run-all --build $(BUILD) $(if $(SHORT),--short) compat

.PHONY: cluster-test
test-cluster: all         ## a fleet on hosts of its own: network namespaces (tests/cluster/; part of make test)
	$(Q)tests/run-all --build $(BUILD) cluster
cluster-test:             ## a fleet as jobs of a real Slurm: cancelled, requeued, preempted, on nodes that die (tests/slurm/; SHORT=1, SEED=n)
	$(Q)ops/setup run test ci
	$(Q)$(MAKE) --no-print-directory all
	$(Q)CLINSAFE_BUILD=$(BUILD) $(if $(SHORT),CLINSAFE_SHORT=1) $(if $(SEED),SEED=$(SEED)) tests/slurm/test_slurm.py $(if $(SHORT),--short)

.PHONY: netfault attack reuse bench-resume
netfault: all             ## broken, half-open, trickling connections; a paused coordinator, a second one (SHORT=1)
	$(Q)CLINSAFE_BUILD=$(BUILD) tests/cluster/netfault $(if $(SHORT),--short)
attack: all               ## whoever holds a key of a fleet, or none, against it; the honest study gets all its answers (SHORT=1)
	$(Q)tests/run-all --build $(BUILD) --jobs 3 $(if $(SHORT),--short) attack
reuse: all                ## edited studies and borrowed answers: paid is only what is new
	$(Q)tests/run-all --build $(BUILD) --only edit e2e
	$(Q)tests/run-all --build $(BUILD) --only reuse e2e

.PHONY: model
model:                    ## leases, terms and acknowledgements proved by spin (FULL=1: more faults; tests/model/)
	$(Q)ops/setup run ci
	$(Q)tests/model/run $(if $(FULL),--full)

bench:                    ## measure: outputs/s, CPU per output, memory (tests/bench/)
	$(Q)$(MAKE) --no-print-directory all $(BUILD)/bench/baseline
	$(Q)tests/bench/throughput --build $(BUILD)

bench-resume: all         ## measure: a half-done study of 1,728,000 trials, killed, to its next new request
	$(Q)tests/bench/resume --build $(BUILD)

.PHONY: bench-edit
bench-edit: all           ## measure: an edit of the running study of 1,728,000 trials: how long its workers stand still
	$(Q)tests/bench/edit --build $(BUILD)

bench-quota:              ## measure: share of a provider's limit that fleets use; 30 minutes (ONLY="4 workers", SHORT=1)
	$(Q)$(MAKE) --no-print-directory all
	$(Q)tests/bench/quota --build $(BUILD) --at-once 2 $(if $(SHORT),--short,--only "$(ONLY)")

.PHONY: bench-status
bench-status: all         ## measure: what two wall screens and a scraped page cost the coordinator, in pairs (PAIRS=n)
	$(Q)tests/bench/status --build $(BUILD) $(if $(PAIRS),--pairs $(PAIRS))

.PHONY: bench-fleet
bench-fleet:              ## measure: what `plan --fleet` reckons beside what runs do (five minutes)
	$(Q)$(MAKE) --no-print-directory all
	$(Q)tests/bench/fleet --build $(BUILD)

.PHONY: bench-ramp
bench-ramp:               ## measure: calls at once, declared and found, a dead neighbour, llama.cpp (ONLY=ideal, SHORT=1: minutes)
	$(Q)$(MAKE) --no-print-directory all
	$(Q)tests/bench/ramp --build $(BUILD) $(if $(SHORT),--short) $(if $(ONLY),--only $(ONLY))

$(BUILD)/bench/baseline: $(BUILD)/obj/tests/bench/baseline.o
	$(Q)mkdir -p $(@D); echo "  LINK    $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lcurl -lz -luv

.PHONY: bench-snapshot
bench-snapshot:           ## measure: a judge of 1,728,000 outputs: its snapshot beside a bare scan, its plan; minutes (CASES=n for fewer)
	$(Q)$(MAKE) --no-print-directory all $(BUILD)/bench/snapshot_scan
	$(Q)tests/bench/snapshot --build $(BUILD) $(if $(CASES),--cases $(CASES))

$(BUILD)/bench/snapshot_scan: $(BUILD)/obj/tests/bench/snapshot_scan.o $(L_store)
	$(Q)mkdir -p $(@D); echo "  LINK    $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(SYS_store) -lpthread -lm

.PHONY: bench-report
bench-report:             ## measure: time and memory of the report on 1,728,000 outputs; 5 minutes (CASES=n for fewer)
	$(Q)$(MAKE) --no-print-directory all
	$(Q)tests/bench/report --build $(BUILD) $(if $(CASES),--cases $(CASES))

.PHONY: browser
browser: $(BUILD)/unit/test_report_html ## the report in headless Chromium, if there is one (tests/browser/)
	$(Q)tests/browser/test_report.py --build $(BUILD)
	$(Q)tests/browser/test_sheet.py --build $(BUILD)
	$(Q)tests/browser/test_pages.py --build $(BUILD)

.PHONY: signals
signals: all              ## a real Prometheus scrapes a fleet: figures, dashboard, alert rules (ops/prometheus/)
	$(Q)CLINSAFE_BUILD=$(BUILD) tests/signals/test_prometheus.py

.PHONY: bench-statistics
bench-statistics: $(BUILD)/bench/statistics ## coverage, error rates, power and recovered components of the analysis (minutes; SHORT=1)
	$(Q)$< $(if $(SHORT),--short)
$(BUILD)/bench/statistics: $(BUILD)/obj/tests/bench/statistics.o $(BUILD)/obj/tests/bench/statistics_differs.o $(BUILD)/obj/tests/bench/statistics_lost.o \
  $(BUILD)/obj/tests/bench/statistics_judged.o $(call lib,stats) $(BUILD)/obj/tools/labels/strata.o $(call libs,base)
	$(Q)mkdir -p $(@D); echo "  LINK    $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lgsl -lgslcblas -lpthread -lm

.PHONY: bench-demo
bench-demo:               ## how often the demo study shows what was planted: SEEDS=20, ten seconds each
	$(Q)$(MAKE) --no-print-directory all
	$(Q)tests/bench/demo_seeds --build $(BUILD) --seeds $(or $(SEEDS),20)

.PHONY: studies
studies:                  ## the shipped studies at nine times their size, other seeds: is what was planted found? (minutes)
	$(Q)$(MAKE) --no-print-directory all
	$(Q)CLINSAFE_STUDIES=full CLINSAFE_BUILD=$(BUILD) tests/e2e/test_studies.py

.PHONY: conformance
conformance:              ## judged by others: official SDKs, third-party servers, statistics packages (npm, pip, network)
	$(Q)ops/setup run test
	$(Q)$(MAKE) --no-print-directory all
	$(Q)tests/conformance/all --build $(BUILD)

lint:                     ## format, include direction, one door per library, banned calls
	$(Q)tests/lint/run

install: all              ## copy programs, studies, suites and documents to DESTDIR PREFIX
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(PROGRAMS) $(DESTDIR)$(PREFIX)/bin
	$(Q)ops/dist/share $(DESTDIR)$(PREFIX)/share $(PREFIX)/bin $(PREFIX)/share/clinsafe/studies

.PHONY: dist dist-test
dist: all                 ## a tarball that runs where it is unpacked, without root: programs, libraries, studies, documents
	$(Q)ops/dist/make $(BUILD) $(VERSION)
dist-test: dist           ## unpack it and run the demo: here as nobody, in a bare Debian without our libraries, in an older one (SHORT=1: only look)
	$(Q)tests/setup/dist_test.sh $(BUILD)/clinsafe-$(VERSION)-linux-$$(uname -m).tar.gz $(if $(SHORT),--short)

clean:                    ## remove all that was built
	rm -rf build build-asan build-tsan build-debug build-fuzz

help:                     ## this list
	$(Q)awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile
	$(Q)echo; sed -n '3,6s/^# /  /p' Makefile
