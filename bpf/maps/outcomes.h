// SPDX-License-Identifier: GPL-2.0-only
/*
 * What decided where a new flow of a service with hints went: each is counted in exactly one. This
 * list is the only place where they are named, as the verdicts are in maps/verdicts.h.
 *
 * O(name, kind, meaning). Of the candidates that were refused the first one counts.
 */
#pragma once

#define OUTCOMES(O)                                                                                \
	O(BASE, none, "no hint: the base choice")                                                  \
	O(HOLDOUT, none, "a client of the holdout group: hints are ignored")                       \
	O(CID, cid, "the server id in the QUIC connection id")                                     \
	O(CID_UNROUTABLE, cid, "a QUIC connection id that no server id can be read from")          \
	O(CID_STALE, cid, "the server id of a backend that is gone or down")                       \
	O(PUSHED, pushed, "a hint that was pushed")                                                \
	O(PUSHED_EXPIRED, pushed, "a pushed hint, past its time")                                  \
	O(PUSHED_STALE, pushed, "a pushed hint of a backend that is gone or was replaced")         \
	O(PUSHED_DOWN, pushed, "a pushed hint of a backend that takes no new flows")               \
	O(PUSHED_OVERFLOW, pushed, "a pushed hint of a backend at its load bound")                 \
	O(LEARNED, learned, "a hint that was learned")                                             \
	O(LEARNED_EXPIRED, learned, "a learned hint, past its time")                               \
	O(LEARNED_STALE, learned, "a learned hint of a backend that is gone or was replaced")      \
	O(LEARNED_DOWN, learned, "a learned hint of a backend that takes no new flows")            \
	O(LEARNED_OVERFLOW, learned, "a learned hint of a backend at its load bound")              \
	O(PREFIX, prefix, "a hint for the client's prefix")                                        \
	O(PREFIX_EXPIRED, prefix, "a prefix's hint, past its time")                                \
	O(PREFIX_STALE, prefix, "a prefix's hint of a backend that is gone or was replaced")       \
	O(PREFIX_DOWN, prefix, "a prefix's hint of a backend that takes no new flows")             \
	O(PREFIX_OVERFLOW, prefix, "a prefix's hint of a backend at its load bound")               \
	O(BASE_OVERFLOW, base, "the base choice was at its load bound: another one took it")       \
	O(WARM, warm, "the warmer of two candidates, which is not the base choice")                \
	O(LATE, none, "a hint that came between SYN and ACK: the SYN had gone elsewhere")

enum outcome {
	OUTCOME_NONE,
#define O(name, kind, meaning) OUTCOME_##name,
	OUTCOMES(O)
#undef O
		OUTCOME_COUNT,
};
