// SPDX-License-Identifier: GPL-2.0-only
/*
 * Why a packet ended as it did. This list is the only place where a verdict is named: the C
 * enumeration, the Python one, the counters, the CLI and docs/verdicts.md come from it.
 *
 * V(name, action, expected, meaning): `expected` is 1 for what a healthy production shows, 0 for
 * what somebody should look into. FORWARD_* come first: they are counted per backend, the others
 * per service. A packet that is forwarded leaves as its backend's mode says. What a guard at level
 * monitor would have done is noted under the same names, in cells of their own.
 */
#pragma once

#define VERDICTS(V)                                                                                \
	V(FORWARD_FLOW, FORWARD, 1, "a known flow: it stays at its backend")                       \
	V(FORWARD_SYN, FORWARD, 1, "a TCP SYN: the ring chose, and nothing is stored yet")         \
	V(FORWARD_NEW, FORWARD, 1, "first packet of a flow: the ring chose, and it is stored")     \
	V(FORWARD_ICMP, FORWARD, 1, "an ICMP error: sent after the connection that it quotes")     \
	V(NOT_SERVICE, PASS, 1, "for no service: left to the host untouched")                      \
	V(NOT_IP, PASS, 1, "neither IPv4 nor IPv6: left to the host untouched")                    \
	V(MALFORMED, PASS, 0, "broken before its destination could be read: left to the host")     \
	V(BAD_TRANSPORT, DROP, 0, "for a service, with a broken or cut transport header")          \
	V(FRAGMENT, DROP, 0, "a later fragment for a service: it carries no ports to steer by")    \
	V(ECHO, TX, 1, "an echo request for a service address: answered")                          \
	V(ICMP_OTHER, PASS, 1, "other ICMP for a service address: left to the host")               \
	V(NO_BACKEND, DROP, 0, "the service has no backend that is up")                            \
	V(NO_NEXT_HOP, DROP, 0, "the next hop of the flow's backend is not known")                 \
	V(TOO_BIG, TX, 1, "does not fit once encapsulated: the sender is told the right MTU")      \
	V(TOO_BIG_LIMITED, DROP, 0, "does not fit once encapsulated, and too many were told so")   \
	V(NO_ROOM, DROP, 0, "the driver left no headroom for the outer header")                    \
	V(DENIED, DROP, 0, "from a denied prefix")                                                 \
	V(BAD_FLAGS, DROP, 0, "TCP flags that no client sends together")                           \
	V(FIRST_FRAGMENT, DROP, 0, "the first fragment of a TCP segment")                          \
	V(SYN_RATE, DROP, 0, "a proven source opens more connections than it may")                 \
	V(UDP_RATE, DROP, 0, "a source sends more datagrams than it may")                          \
	V(ICMP_RATE, DROP, 0, "a source sends more ICMP than it may")                              \
	V(CHALLENGED, TX, 0, "a SYN of an unproven source: challenged, under attack")              \
	V(PROVEN, DROP, 1, "the answer to a challenge: its source is proven from now on")          \
	V(FIRST_SYN, DROP, 0, "a first SYN: its retransmission is waited for, under attack")       \
	V(COOKIE, TX, 0, "a SYN: answered with a SYN cookie, under attack")                        \
	V(BAD_COOKIE, DROP, 0, "an ACK whose SYN cookie is not ours, or too old")                  \
	V(UNKNOWN_FLOW, DROP, 0, "no SYN and of no known flow, under attack")

#define FORWARD_LAST VERDICT_FORWARD_ICMP
#define SAMPLED_FIRST VERDICT_DENIED /* of these and later ones user space gets samples */

enum verdict {
	GO_ON, /* what a step returns when the next one is to decide */
#define V(name, action, expected, meaning) VERDICT_##name,
	VERDICTS(V)
#undef V
		VERDICT_COUNT,
};
