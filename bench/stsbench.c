// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "bench/corelag.h"
#include "bench/fillcmd.h"
#include "bench/loadcmd.h"
#include "bench/makecmd.h"
#include "bench/reflect.h"
#include "bench/replaycmd.h"
#include "bench/smapcmd.h"

#include <stdio.h>
#include <string.h>

static int usage(FILE *out, int status) {
	(void
	)fputs("usage: stsbench COMMAND [OPTIONS]\n"
	       "  make   names, policies and expected answers into a file\n"
	       "  fill   that file into the store of a stsd that does not run\n"
	       "  load   ask a server, measure, compare its answers\n"
	       "  echo   send the same kind of frames to an echo: the limit of the path\n"
	       "  replay put frames through a worker, no driver below it\n"
	       "  socketmap  ask a socketmap server, measure\n"
	       "  reflect  send datagrams back over a kernel socket\n"
	       "  cores  how far two CPUs are apart\n"
	       "stsbench COMMAND --help tells the options.\n",
	       out);
	return status;
}

int main(int argc, char **argv) {
	if (argc < 2)
		return usage(stderr, 2);
	const char *command = argv[1];
	if (strcmp(command, "make") == 0)
		return makecmd_run(argc - 1, argv + 1);
	if (strcmp(command, "fill") == 0)
		return fillcmd_run(argc - 1, argv + 1);
	if (strcmp(command, "load") == 0)
		return loadcmd_run(argc - 1, argv + 1, false);
	if (strcmp(command, "echo") == 0)
		return loadcmd_run(argc - 1, argv + 1, true);
	if (strcmp(command, "cores") == 0)
		return corelag_run(argc - 1, argv + 1);
	if (strcmp(command, "replay") == 0)
		return replaycmd_run(argc - 1, argv + 1);
	if (strcmp(command, "reflect") == 0)
		return reflect_run(argc - 1, argv + 1);
	if (strcmp(command, "socketmap") == 0)
		return smapcmd_run(argc - 1, argv + 1);
	if (strcmp(command, "--help") == 0)
		return usage(stdout, 0);
	return usage(stderr, 2);
}
