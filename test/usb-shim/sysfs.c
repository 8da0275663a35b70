/* sysfs attributes, and the file calls that lead here: open, close, ioctl, statfs. */
#define _GNU_SOURCE
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#define USBFS_PREFIX "/dev/bus/usb/"
#define SYSFS_PREFIX "/sys/bus/usb/devices/"

static int file_with(const void *content, size_t length)
{
	int fd = memfd_create("usbshim-sysfs", MFD_CLOEXEC);
	if (fd >= 0 && (write(fd, content, length) < 0 || lseek(fd, 0, SEEK_SET) < 0)) {
		real_close(fd);
		return -1;
	}
	return fd;
}

static int number_file(unsigned number)
{
	char text[16];
	return file_with(text, (size_t)snprintf(text, sizeof text, "%u\n", number));
}

static int attribute_file(const struct device *device, const char *attribute)
{
	if (!strcmp(attribute, "descriptors"))
		return file_with(device->descriptors, device->descriptors_length);
	if (!strcmp(attribute, "busnum"))
		return number_file(device->bus);
	if (!strcmp(attribute, "devnum"))
		return number_file(device->address);
	if (!strcmp(attribute, "speed"))
		return number_file(device->speed);
	if (!strcmp(attribute, "bConfigurationValue")) /* empty while not configured */
		return device->configuration ? number_file(device->configuration) : file_with("", 0);
	errno = ENOENT;
	return -1;
}

int sysfs_open(const char *name, const char *attribute)
{
	int fd = -1;
	errno = ENOENT;
	pthread_mutex_lock(&shim_lock);
	for (struct device *d = shim_devices; d; d = d->next) {
		if (d->present && !strcmp(d->name, name)) {
			fd = attribute_file(d, attribute);
			break;
		}
	}
	pthread_mutex_unlock(&shim_lock);
	return fd;
}

/* True when the path is one of ours; then *fd is the result. */
static bool open_emulated(const char *path, int *fd)
{
	int bus, address;
	char name[32], attribute[64];

	if (!strncmp(path, USBFS_PREFIX, strlen(USBFS_PREFIX)) &&
	    sscanf(path + strlen(USBFS_PREFIX), "%d/%d", &bus, &address) == 2 && shim_active()) {
		*fd = usbfs_open(bus, address);
		return true;
	}
	if (!strncmp(path, SYSFS_PREFIX, strlen(SYSFS_PREFIX)) &&
	    sscanf(path + strlen(SYSFS_PREFIX), "%31[^/]/%63s", name, attribute) == 2 && shim_active()) {
		*fd = sysfs_open(name, attribute);
		return true;
	}
	return false;
}

int real_close(int fd)
{
	return (int)syscall(SYS_close, fd);
}

/* glibc has four names for open; programs built with large files or fortification use the others. */
#define DEFINE_OPEN(function)                                                          \
	int function(const char *path, int flags, ...)                                 \
	{                                                                              \
		mode_t mode = 0;                                                       \
		int fd;                                                                \
		if (flags & (O_CREAT | __O_TMPFILE)) {                                 \
			va_list arguments;                                             \
			va_start(arguments, flags);                                    \
			mode = va_arg(arguments, mode_t);                              \
			va_end(arguments);                                             \
		}                                                                      \
		if (open_emulated(path, &fd))                                          \
			return fd;                                                     \
		return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);          \
	}
DEFINE_OPEN(open)
DEFINE_OPEN(open64)
DEFINE_OPEN(__open_2)
DEFINE_OPEN(__open64_2)

int close(int fd)
{
	usbfs_close(fd);
	return real_close(fd);
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list arguments;
	va_start(arguments, request);
	void *argument = va_arg(arguments, void *);
	va_end(arguments);
	struct node *node = usbfs_node(fd);
	return node ? usbfs_ioctl(node, request, argument) : (int)syscall(SYS_ioctl, fd, request, argument);
}

/* libusb reads sysfs only when /sys is one; a container may have none. */
int statfs(const char *path, struct statfs *result)
{
	int status = (int)syscall(SYS_statfs, path, result);
	if (strcmp(path, "/sys") != 0 || !shim_active())
		return status;
	if (status != 0)
		memset(result, 0, sizeof *result);
	result->f_type = SYSFS_MAGIC;
	return 0;
}

int statfs64(const char *path, struct statfs64 *result)
{
	return statfs(path, (struct statfs *)result); /* the same structure on 64-bit systems */
}
