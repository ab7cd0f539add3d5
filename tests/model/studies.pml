/* Two studies in one coordinator, with one trial each: what an operator does to the first (pause, an edit) and what the second waits for.
 * Leases as such are lease.pml's; here a lease is there or not, and a coordinator that comes back finds those that the worker has
 * (adoption). tests/model/run checks it and its mutations. What stands behind `->` in a comment is the function in C that does this.
 *
 * Faults and deeds are counted: CRASHES of the coordinator, PAUSES and EDITS of study 0; it is resumed if RESUMES, by a person who does
 * so in the end. AFTER: study 1 is submitted to come after study 0. Words like PAUSE_ALL are mutations, 0 or 1. */
#define S 2
#define NOBODY S

mtype = { ASSIGN, REVOKE, GIVEN, OUTPUT };
chan down = [2] of { mtype, byte };
chan up = [2] of { mtype, byte };

/* ---- on disk ------------------------------------------------------------------------------------------- */
byte d_gens[S];                 /* generations built */
bit d_asked[S];                 /* one more was submitted */
bit d_done[S];                  /* the trial is done in the newest generation */
bit d_answer[S];                /* it was answered, in whichever */
bit d_word[S];                  /* "paused", of the newest generation -> cs_operator_verb */
bit d_after = AFTER;            /* the row operator/KEY/after of study 1 */

/* ---- the coordinator's memory -------------------------------------------------------------------------- */
bit alive;
bit paused[S], closing[S], leased[S], after;
bit done[S], got[S];            /* in the newest generation, ahead of the disk; an output came, and is not on disk */
byte building = NOBODY;

/* ---- the worker, and bookkeeping of the proof ----------------------------------------------------------- */
bit held[S], busy[S], unacked[S];
byte leased_in[S];              /* the generation that its lease is of */
byte spare[S] = 1;              /* calls that may still begin: none is lost here, so one */
bit said[S];                    /* what the operator has said last: "paused" */
byte crashes = CRASHES, pauses = PAUSES, edits = EDITS;

#define OVER(s) (d_gens[s] > 0 && d_done[s] && !d_asked[s])            /* -> cs_roster_is_over */
#define WAITS(s) (s == 1 && after && d_gens[1] == 0 && !OVER(0))         /* -> cs_roster_waits */
#define TURN(s) (alive && building == NOBODY && d_asked[s] && !WAITS(s)) /* -> cs_roster_next */
#define IDLE(s) ((!leased[s] && !got[s]) || BUILD_LEASED) /* -> cs_coordinator_generation_is_idle */
#define PAUSED(s) (paused[s] || (PAUSE_ALL && paused[1 - s]))
#define MAY_GRANT(s) (alive && d_gens[s] > 0 && !closing[s] && !PAUSED(s) && !done[s] && !leased[s] && nfull(down))

inline start() {                /* -> cs_persist_roster, cs_restore_study */
    t = 0; after = d_after && !(AFTER_LOST && crashes < CRASHES);
    do
    :: t < S -> paused[t] = d_word[t]; done[t] = d_done[t]; got[t] = 0; closing[t] = 0;
        leased[t] = held[t] || busy[t] || unacked[t]; t++
    :: else -> break
    od;
    building = NOBODY; t = 0; alive = 1
}

inline begin(s) {               /* -> cs_build_start */
    assert(!AFTER || s == 0 || d_gens[1] > 0 || OVER(0));
    building = s
}

/* The old generation was worked on beside the build so far. */
inline close(s) {               /* -> stop_old, cs_coordinator_generation_close */
    closing[s] = 1;
    if :: CLOSE_ALL -> closing[1 - s] = 1 :: else fi
}

/* An answer that is on disk is taken over; so is the operator's word. */
inline build(s) {               /* -> cs_adopt_page, carry_words, cs_restore_generation */
    d_gens[s]++; d_asked[s] = 0; d_done[s] = d_answer[s]; done[s] = d_answer[s];
    d_word[s] = d_word[s] && !WORD_LOST; paused[s] = d_word[s];
    closing[s] = 0; building = NOBODY
}

proctype Coordinator() {
    byte t, s;
    mtype kind;

    d_step { start() };
end:do
    :: atomic { TURN(0) -> begin(0) }
    :: atomic { TURN(1) -> begin(1) }
    :: atomic { alive && building == 0 && !closing[0] -> close(0) }
    :: atomic { alive && building == 1 && !closing[1] -> close(1) }
    :: atomic { alive && building == 0 && closing[0] && leased[0] && held[0] && nfull(down) -> down!REVOKE(0) } /* -> cs_lease_revoke_lane */
    :: atomic { alive && building == 1 && closing[1] && leased[1] && held[1] && nfull(down) -> down!REVOKE(1) }
    :: atomic { alive && building == 0 && closing[0] && IDLE(0) -> build(0) }
    :: atomic { alive && building == 1 && closing[1] && IDLE(1) -> build(1) }
    :: atomic { MAY_GRANT(0) -> assert(!said[0]); leased[0] = 1; leased_in[0] = d_gens[0]; down!ASSIGN(0) }  /* -> cs_grant_session */
    :: atomic { MAY_GRANT(1) -> assert(!said[1]); leased[1] = 1; leased_in[1] = d_gens[1]; down!ASSIGN(1) }
    :: atomic { alive && nempty(up) -> up?kind, s;
        if
        :: kind == GIVEN -> leased[s] = 0                                       /* -> give_back */
        :: kind == OUTPUT -> leased[s] = 0; got[s] = 1;                          /* -> record: also of a closed study */
            done[s] = done[s] || leased_in[s] == d_gens[s]
        fi; kind = 0; s = 0 }
    :: atomic { alive && got[0] -> got[0] = 0; d_answer[0] = 1; d_done[0] = done[0]; unacked[0] = 0 } /* -> cs_acks_committed */
    :: atomic { alive && got[1] -> got[1] = 0; d_answer[1] = 1; d_done[1] = done[1]; unacked[1] = 0 }
    :: atomic { alive && pauses > 0 && d_gens[0] > 0 && !d_asked[0] -> pauses--; said[0] = 1; d_word[0] = 1; paused[0] = 1 }
    :: atomic { RESUMES && alive && said[0] && !d_asked[0] -> said[0] = 0; d_word[0] = 0; paused[0] = 0 }
    :: atomic { alive && edits > 0 && d_gens[0] > 0 && !d_asked[0] -> edits--; d_asked[0] = 1 } /* -> start */
    :: atomic { alive && crashes > 0 -> crashes--; alive = 0;
        do :: nempty(down) -> down?kind, s :: empty(down) -> break od;
        do :: nempty(up) -> up?kind, s; if :: kind == OUTPUT -> unacked[s] = 1 :: else fi :: empty(up) -> break od;
        kind = 0; s = 0; start() }
    od
}

proctype Worker() {
    byte s;
    mtype kind;

end:do
    :: atomic { nempty(down) -> down?kind, s;
        if
        :: kind == ASSIGN -> held[s] = 1
        :: kind == REVOKE && held[s] && nfull(up) -> held[s] = 0; up!GIVEN(s)   /* -> cs_leases_settle */
        :: else                                                                 /* it has begun */
        fi; kind = 0; s = 0 }
    :: atomic { held[0] -> held[0] = 0; busy[0] = 1; assert(spare[0] > 0); spare[0]-- } /* -> cs_do_may_start */
    :: atomic { held[1] -> held[1] = 0; busy[1] = 1; assert(spare[1] > 0); spare[1]-- }
    :: atomic { busy[0] && nfull(up) -> busy[0] = 0; unacked[0] = 1; up!OUTPUT(0) }
    :: atomic { busy[1] && nfull(up) -> busy[1] = 0; unacked[1] = 1; up!OUTPUT(1) }
    :: atomic { !busy[0] && unacked[0] && !d_answer[0] && alive && leased[0] && empty(up) -> up!OUTPUT(0) } /* -> cs_window_rewind */
    :: atomic { !busy[1] && unacked[1] && !d_answer[1] && alive && leased[1] && empty(up) -> up!OUTPUT(1) }
    od
}

init {
    atomic { d_gens[0] = 1; d_asked[1] = 1; run Coordinator(); run Worker() }
}

ltl ends { <> (d_done[0] && d_done[1]) }
ltl goes_on { <> d_done[1] }
