/*
 * Lets User-Mode Linux run on processors with AMX, whose registers it has no room for.
 *
 * Since 5.16 the host's kernel takes a process's extended registers only as a whole
 * (arch/x86/kernel/fpu/regset.c, xstateregs_set), and User-Mode Linux 6.12 hands in the part that it
 * knows. Here that part is completed by zeros. Loaded with LD_PRELOAD.
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

typedef long ptrace_function(enum __ptrace_request, int, void *, void *);

long ptrace(enum __ptrace_request request, ...)
{
	static char whole[65536] __attribute__((aligned(64)));
	static ptrace_function *next;
	unsigned int eax, size, ecx, edx;
	va_list arguments;

	va_start(arguments, request);
	int process = va_arg(arguments, int);
	void *address = va_arg(arguments, void *);
	struct iovec *data = va_arg(arguments, void *);
	va_end(arguments);
	if (!next)
		next = (ptrace_function *)dlsym(RTLD_NEXT, "ptrace");
	if (request != PTRACE_SETREGSET || (long)address != NT_X86_XSTATE)
		return next(request, process, address, data);
	__cpuid_count(0xd, 0, eax, size, ecx, edx);
	if (data->iov_len >= size || size > sizeof(whole))
		return next(request, process, address, data);
	memcpy(whole, data->iov_base, data->iov_len);
	struct iovec completed = { whole, size };
	return next(request, process, address, &completed);
}
