// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keys roll: each is of a generation. What is made with one is a number whose upper two bits say of
 * which, modulo KEY_GENERATIONS. In host byte order.
 */
#pragma once

#include "packet/packet.h"

#define KEY_GENERATIONS 4
#define GENERATION_SHIFT 30

INLINE __u32 generation_of(__u32 number)
{
	return number >> GENERATION_SHIFT;
}

/* How many generations before the current one, modulo KEY_GENERATIONS. */
INLINE __u32 generations_ago(__u32 current, __u32 generation)
{
	return (current - generation) & (KEY_GENERATIONS - 1);
}
