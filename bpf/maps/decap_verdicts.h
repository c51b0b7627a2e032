// SPDX-License-Identifier: GPL-2.0-only
/*
 * Why a packet at a backend ended as it did: the list of programs/decap.bpf.c, as verdicts.h is the
 * gateway's. What is not for us is left to the host untouched, whatever it is.
 */
#pragma once

#define DECAP_VERDICTS(V)                                                                          \
	V(UNWRAPPED, PASS, 1, "the inner packet goes up the host's stack")                         \
	V(NOT_IP, PASS, 1, "neither IPv4 nor IPv6: left to the host untouched")                    \
	V(BROKEN, PASS, 0, "the header of the frame or of IP is broken: left to the host")         \
	V(NOT_TUNNEL, PASS, 1, "neither IPIP nor GUE: left to the host untouched")                 \
	V(NOT_OURS, PASS, 1, "encapsulated, for an address that is not this host's: untouched")    \
	V(SOURCE_REFUSED, DROP, 0, "encapsulated by a source that was not allowed")                \
	V(FRAGMENT, DROP, 0, "part of an encapsulated packet: the way from the gateway is narrow") \
	V(GUE_REFUSED, DROP, 0, "GUE with a control message, extension or unknown payload")        \
	V(INNER_BROKEN, DROP, 0, "the inner header is broken, or promises more than there is")     \
	V(NESTED, DROP, 0, "inside the tunnel there is another one")                               \
	V(CONGESTION_LOST, DROP, 1, "congestion that the inner packet has no way to tell of")      \
	V(NO_LINK, DROP, 0, "the driver did not let the outer header be taken off")

enum decap_verdict {
#define V(name, action, expected, meaning) DECAP_##name,
	DECAP_GO_ON, /* what a step returns when the next one is to decide */
	DECAP_VERDICTS(V)
#undef V
		DECAP_VERDICT_COUNT,
};
