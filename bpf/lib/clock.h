// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guard's clock: the kernel's tick, which costs a load where bpf_ktime_get_ns() costs 30 ns.
 * In units of a 4096th of a tick, so that rates of more than one packet a tick can be said.
 * The loader defines TICKS_PER_SECOND. It wraps after an hour or less: only differences count.
 */
#pragma once

#include "packet/packet.h"

#define CLOCK_SHIFT 12
#define CLOCK_SECOND ((__u32)TICKS_PER_SECOND << CLOCK_SHIFT)

INLINE __u32 clock_now(void)
{
	return (__u32)bpf_jiffies64() << CLOCK_SHIFT;
}
