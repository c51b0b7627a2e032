// SPDX-License-Identifier: GPL-2.0-only
/*
 * What was made of a packet at a backend whose gateway answers SYNs with cookies: the list of
 * programs/cookie_acceptor.bpf.c, as decap_verdicts.h is that of unwrapping. The host's stack gets
 * what is not accepted here, and treats it as it always does; but for what it would answer with an
 * RST only because the cookie before it had to wait.
 */
#pragma once

#define ACCEPT_VERDICTS(V)                                                                         \
	V(ACCEPTED, PASS, 1, "it acknowledges a gateway's cookie: the listener gets a connection") \
	V(NOT_TCP, PASS, 1, "no TCP, or a fragment of it")                                         \
	V(NOT_ACK, PASS, 1, "a SYN or RST, or no acknowledgement: it can carry no cookie")         \
	V(KNOWN, PASS, 1, "of a connection, or a handshake, that this host knows")                 \
	V(NO_LISTENER, PASS, 1, "of no connection, and nobody listens at its port")                \
	V(BAD_COOKIE, PASS, 0, "for a listener, and no cookie of a gateway whose keys we have")    \
	V(TIME_WAIT, PASS, 1, "a valid cookie; what has its ports in TIME-WAIT is ended first")    \
	V(HELD_BACK, DROP, 1, "what comes after such a cookie: the client sends it again")         \
	V(REFUSED, PASS, 0, "a valid cookie, but the kernel makes no request socket of it")        \
	V(BROKEN, PASS, 0, "an IP or TCP header is not whole")

enum accept_verdict {
#define V(name, action, expected, meaning) ACCEPT_##name,
	ACCEPT_GO_ON, /* what a step returns when the next one is to decide */
	ACCEPT_VERDICTS(V)
#undef V
		ACCEPT_VERDICT_COUNT,
};
