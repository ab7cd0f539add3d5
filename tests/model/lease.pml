/* Leases, terms, frontier and acknowledgements: two workers, one coordinator that crashes and comes back, two trials of one shard.
 * tests/model/run checks it and its mutations. What stands behind `->` in a comment is the function in C that does this.
 *
 * Time is two flags. sure[w]: the worker's own lease clock runs, 27 s since its last answered PING left. quiet[w]: it has said nothing
 * for 30 s, so it is not sure any more. The coordinator takes leases away from the quiet, and ends the grace of 35 s when no worker that
 * it still expects can be sure. Connections break at any time and lose what is under way, so always a
 * suffix; a crash of the coordinator may leave messages of its past sessions to be read by the next.
 *
 * Faults are counted: CRASHES of the coordinator, DEATHS of workers, BREAKS of connections, STALLS of workers until they are quiet,
 * RELEASES of unstarted trials. At the end both trials must be on disk. Words like ACK_UNSYNCED are mutations, 0 or 1. */
#define T 2
#define W 2
#define NOBODY W
#define BIT(t) (1 << (t))

mtype = { HELLO, WELCOME, ASSIGN, RELEASE, OUTPUT, ACK };
chan up[W] = [2] of { mtype, byte, byte, byte };         /* kind, term of the session, trial or set, epoch or output */
chan down[W] = [3] of { mtype, byte, byte, byte, byte }; /* and the connection that it is for */

/* ---- on disk; nothing else survives the coordinator -------------------------------------------------- */
byte d_term, d_frontier;        /* -> cs_store_open, cs_batch_add_frontier */
bit d_done[T];                  /* ledger -> cs_batch_add_page */
byte d_canonical[T];            /* whose output is canonical, 0: none -> cs_batch_add_output */

/* ---- the coordinator's memory -------------------------------------------------------------------------- */
bit alive;
byte term, counter, frontier;   /* frontier: asked for */
bit done[T];                    /* ahead of the disk */
byte canonical[T], holder[T], epoch[T];
bit waiting[T];                 /* below the frontier of an earlier term */
bit greeted[W], expected[W];    /* session; may hold leases of an earlier term */
byte peer[W];                   /* the connection of its session */
byte owed[W];                   /* set of trials to be acknowledged when the group is on disk */

/* ---- the workers' memory --------------------------------------------------------------------------------- */
byte linked[W];                 /* 0: no connection, 1: HELLO said, 2: WELCOME heard */
byte connection[W];
bit sure[W], quiet[W];
byte w_term[W], held[W], busy[W], unacked[W]; /* sets of trials; busy and unacked are disjoint parts of what began */
byte w_epoch[4];                              /* of worker w and trial t: w * T + t */

#define FREE(t) holder[t] = NOBODY; epoch[t] = 0
#define CLEAR kind = 0; s = 0; what = 0; e = 0; got = 0; t = 0 /* values that mean nothing make no new states */

/* ---- bookkeeping of the proof ---------------------------------------------------------------------------- */
byte spare[T] = 1;              /* calls that may still begin: one, and one more for each that a fault has lost */
byte last_term;
byte crashes = CRASHES, deaths = DEATHS, breaks = BREAKS, stalls = STALLS, releases = RELEASES;

#define ALL_DONE (d_done[0] && d_done[1])
#define FORGET w_epoch[w * T] = (FRESH(w) & 1 -> w_epoch[w * T] : 0); \
    w_epoch[w * T + 1] = (FRESH(w) & 2 -> w_epoch[w * T + 1] : 0)
#define FRESH(w) (held[w] & ~(busy[w] | unacked[w]))
/* I6: no trial may be begun by two workers. */
#define ONE_LEASE (!(FRESH(0) & FRESH(1)) || !sure[0] || !sure[1])
/* I4: done exactly when canonical. */
#define LEDGER(t) (d_done[t] == (d_canonical[t] != 0))

#define SEND(w, kind, what, e) down[w]!kind(term, what, e, peer[w])

inline free_of(w) {                                     /* -> free_leases */
    t = 0;
    do
    :: t < T -> if :: holder[t] == w -> FREE(t) :: else fi; t++
    :: else -> break
    od
}

/* What the HELLO lists lives on under a new epoch, as far as it is free. */
inline adopt(w, set) {                                  /* -> adopt, cs_coordinator_lane_adopted */
    t = 0; got = 0;
    do
    :: t < T ->
        if
        :: (set & BIT(t)) && (ADOPT_UNCHECKED || (holder[t] == NOBODY && !done[t])) ->
            assert(holder[t] == NOBODY && !done[t]);                    /* I6 -> cs_invariants_check */
            holder[t] = w; epoch[t] = term * 16 + counter + 1; waiting[t] = 0; got = got | BIT(t)
        :: else
        fi;
        t++
    :: else -> break
    od;
    counter = counter + (got -> 1 : 0)
}

inline commit() {                                       /* -> cs_store_write: one batch, all or nothing */
    t = 0;
    do
    :: t < T ->
        assert(d_canonical[t] == 0 || d_canonical[t] == canonical[t]);  /* I2, I3 */
        d_canonical[t] = canonical[t]; d_done[t] = done[t];
        assert(LEDGER(t));                                              /* I4 */
        t++
    :: else -> break
    od;
    d_frontier = frontier
}

#define AGAIN (crashes < CRASHES)
inline start() {                                        /* -> cs_store_open, cs_core_open, cs_coordinator_lane_restart */
    d_term = (REUSE_EPOCH -> 1 : d_term + 1);           /* synced before it binds */
    assert(d_term > last_term);                         /* I11 */
    last_term = d_term; term = d_term; counter = 0; frontier = d_frontier;
    t = 0;
    do
    :: t < T ->
        done[t] = d_done[t]; canonical[t] = d_canonical[t]; FREE(t);
        waiting[t] = (t < d_frontier && !d_done[t] && AGAIN && !BELOW_FRONTIER);
        t++
    :: else -> break
    od;
    greeted[0] = 0; greeted[1] = 0; owed[0] = 0; owed[1] = 0;
    expected[0] = AGAIN; expected[1] = AGAIN;
    alive = 1
}

/* The session `s` that a message was sent in is not the one that it has: WHO, which is a break to the worker. */
inline hear(w) {                                        /* -> cs_dialogue_message */
    up[w]?kind, s, what, e;
    if
    :: kind == HELLO -> free_of(w); owed[w] = 0;        /* -> hello, cs_session_end */
        adopt(w, what); greeted[w] = 1; expected[w] = 0; quiet[w] = 0; peer[w] = e;
        if :: nfull(down[w]) -> SEND(w, WELCOME, got, term * 16 + counter) :: full(down[w]) -> linked[w] = 0 fi
    :: kind != HELLO && (s != term || !greeted[w]) ->
        if :: linked[w] == 2 -> linked[w] = 0 :: else fi
    :: kind == RELEASE && s == term && greeted[w] ->    /* -> give_back; I5: a stale epoch changes nothing */
        if :: holder[what] == w && epoch[what] == e -> FREE(what) :: else fi
    :: kind == OUTPUT && s == term && greeted[w] ->     /* -> record: a paid fact, whoever holds the lease now */
        FREE(what); waiting[what] = 0;
        if :: !done[what] -> done[what] = 1; canonical[what] = e :: else fi;
        owed[w] = owed[w] | BIT(what)                   /* -> cs_acks_receipt */
    fi
}

inline acknowledge(w) {                                 /* -> acknowledge */
    SEND(w, ACK, owed[w], 0); owed[w] = 0
}

#define SYNCED (done[0] == d_done[0] && done[1] == d_done[1] && frontier == d_frontier)
#define MAY_ACK (SYNCED || ACK_UNSYNCED)
/* The shell lets time pass only after all readable messages (core.h). */
#define SILENT(w) ((quiet[w] && empty(up[w])) || (EXPIRE_UNREAD && nempty(up[w])))
#define MAY_GRANT(t, w) (greeted[w] && nfull(down[w]) && t < d_frontier && holder[t] == NOBODY && !done[t] && !waiting[t])

proctype Coordinator() {
    byte t, got, what, s, e;
    mtype kind;

    d_step { start(); t = 0 };
end:do
    :: atomic { alive && nempty(up[0]) -> hear(0); CLEAR }
    :: atomic { alive && nempty(up[1]) -> hear(1); CLEAR }
    :: atomic { alive && frontier < T -> frontier = T }                        /* -> cs_coordinator_lane_frontier */
    :: atomic { alive && !SYNCED -> commit(); CLEAR }                                  /* -> cs_acks_committed */
    :: atomic { alive && owed[0] && MAY_ACK && nfull(down[0]) -> acknowledge(0) }
    :: atomic { alive && owed[1] && MAY_ACK && nfull(down[1]) -> acknowledge(1) }
    :: atomic { alive && (MAY_GRANT(0, 0) || MAY_GRANT(1, 0) || MAY_GRANT(0, 1) || MAY_GRANT(1, 1)) ->
        if                                                                      /* -> cs_grant_session, cs_lease_make */
        :: MAY_GRANT(0, 0) -> t = 0; got = 0
        :: MAY_GRANT(1, 0) -> t = 1; got = 0
        :: MAY_GRANT(0, 1) -> t = 0; got = 1
        :: MAY_GRANT(1, 1) -> t = 1; got = 1
        fi;
        counter++; holder[t] = got; epoch[t] = term * 16 + counter;
        SEND(got, ASSIGN, t, epoch[t]); CLEAR }
    :: atomic { alive && greeted[0] && SILENT(0) -> greeted[0] = 0; free_of(0); CLEAR } /* -> cs_session_silence */
    :: atomic { alive && greeted[1] && SILENT(1) -> greeted[1] = 0; free_of(1); CLEAR }
    :: atomic { alive && (waiting[0] || waiting[1]) && !(expected[0] && sure[0]) && !(expected[1] && sure[1]) ->
        waiting[0] = 0; waiting[1] = 0 }                                        /* -> cs_coordinator_lane_grace_over */
    :: atomic { alive && crashes > 0 && !ALL_DONE -> crashes--; alive = 0;
        if :: commit() :: skip fi;                                              /* what the kernel has may survive */
        t = 0;
        do                                                                      /* and so may what waits to be read */
        :: t < W ->
            do :: nempty(down[t]) -> down[t]?kind, s, what, e, got :: empty(down[t]) -> break od;
            do :: nempty(up[t]) -> up[t]?kind, s, what, e :: break od;
            linked[t] = 0; t++
        :: else -> break
        od;
        start(); CLEAR }
    od
}

proctype Worker(byte w) {
    byte t, set, s, e, c;
    mtype kind;

end:do
    :: atomic { !linked[w] && nfull(up[w]) ->                                   /* -> cs_link_hello, cs_leases_list */
        connection[w] = (connection[w] + 1) % 4;
        do :: nempty(down[w]) -> down[w]?kind, s, set, e, c :: empty(down[w]) -> break od;
        kind = 0; s = 0; set = 0; e = 0; c = 0; linked[w] = 1; up[w]!HELLO(0, held[w], connection[w]) }
    :: atomic { nempty(down[w]) -> down[w]?kind, s, set, e, c;
        if
        :: !linked[w] || c != connection[w] -> skip                             /* to a socket that is closed */
        :: else ->
        if
        :: kind == WELCOME -> assert(s >= w_term[w]);                           /* -> cs_leases_adopt; I11 */
            w_term[w] = s; sure[w] = 1; linked[w] = 2;
            held[w] = (held[w] & set) | busy[w] | unacked[w];
            w_epoch[w * T] = e; w_epoch[w * T + 1] = e; t = 0;                                                              /* -> cs_window_rewind: all is sent again */
            do
            :: t < T && (unacked[w] & BIT(t)) && nfull(up[w]) -> up[w]!OUTPUT(w_term[w], t, 1 + w); t++
            :: t < T && (unacked[w] & BIT(t)) && full(up[w]) -> linked[w] = 0; break
            :: t < T && !(unacked[w] & BIT(t)) -> t++
            :: t == T -> break
            od
        :: kind == ASSIGN && !(held[w] & BIT(set)) -> held[w] = held[w] | BIT(set); w_epoch[w * T + set] = e
        :: kind == ASSIGN && (held[w] & BIT(set)) -> skip                       /* -> assign: said twice */
        :: kind == ACK -> t = 0;                                                /* -> cs_worker_work_acked */
            do
            :: t < T -> assert(!(set & BIT(t)) || d_done[t]); t++               /* I1 */
            :: else -> break
            od;
            unacked[w] = unacked[w] & ~set; held[w] = held[w] & ~set
        fi fi;
        assert(ONE_LEASE);                                   /* I6 */
        FORGET; t = 0; kind = 0; s = 0; set = 0; e = 0; c = 0 }
    :: atomic { sure[w] && FRESH(w) ->                                           /* -> cs_do_may_start, cs_lease_start */
        if :: FRESH(w) & 1 -> t = 0 :: FRESH(w) & 2 -> t = 1 fi;
        busy[w] = busy[w] | BIT(t);
        assert(spare[t] > 0); spare[t]--; t = 0 }                               /* paid again for a fault only */
    :: atomic { busy[w] && linked[w] == 2 && nfull(up[w]) ->                         /* -> deliver, cs_worker_work_flush */
        if :: busy[w] & 1 -> t = 0 :: busy[w] & 2 -> t = 1 fi;
        busy[w] = busy[w] & ~BIT(t); unacked[w] = unacked[w] | BIT(t);
        up[w]!OUTPUT(w_term[w], t, 1 + w); FORGET; t = 0 }
    :: atomic { releases > 0 && linked[w] == 2 && FRESH(w) && nfull(up[w]) -> releases--; /* -> cs_leases_settle */
        if :: FRESH(w) & 1 -> t = 0 :: FRESH(w) & 2 -> t = 1 fi;
        held[w] = held[w] & ~BIT(t); up[w]!RELEASE(w_term[w], t, w_epoch[w * T + t]); FORGET; t = 0 }
    :: atomic { breaks > 0 && linked[w] -> breaks--; linked[w] = 0;             /* a suffix of each way is gone */
        do :: nempty(up[w]) -> up[w]?kind, s, set, e :: break od;
        kind = 0; s = 0; set = 0; e = 0 }
    :: atomic { stalls > 0 && sure[w] -> stalls--; sure[w] = 0; quiet[w] = 1; linked[w] = 0;  /* -> cs_link_tick: 27 s without a PONG */
        t = 0;
        do :: t < T -> spare[t] = spare[t] + ((busy[w] | unacked[w]) & BIT(t) -> 1 : 0); t++ :: else -> break od;
        held[w] = busy[w] | unacked[w]; FORGET; t = 0 }
    :: atomic { deaths > 0 -> deaths--; sure[w] = 0; quiet[w] = 1; linked[w] = 0; t = 0;      /* another process of that name follows */
        do :: t < T -> spare[t] = spare[t] + ((busy[w] | unacked[w]) & BIT(t) -> 1 : 0); t++ :: else -> break od;
        held[w] = 0; busy[w] = 0; unacked[w] = 0; w_term[w] = 0; FORGET; t = 0 }
    od
}

init {
    atomic { run Coordinator(); run Worker(0); run Worker(1) };
    timeout -> assert(ALL_DONE && !unacked[0] && !unacked[1])                   /* nothing more can happen */
}

ltl ends { <> ALL_DONE }
