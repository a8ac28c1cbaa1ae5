#include "tests/core/live_memory.h"

#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <new>

namespace {

std::size_t live = 0, peak = 0;

}  // namespace

// Replaces the whole program's: new[] and the sized forms of delete come here as well.
void* operator new(std::size_t bytes) {
  void* memory = std::malloc(std::max<std::size_t>(bytes, 1));
  if (!memory) throw std::bad_alloc();
  live += malloc_usable_size(memory);
  peak = std::max(peak, live);
  return memory;
}
void operator delete(void* memory) noexcept {
  if (memory) live -= malloc_usable_size(memory);
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }

namespace mqttlab::testing {

std::size_t LiveMemory::now() { return live; }
std::size_t LiveMemory::most() { return peak; }
void LiveMemory::reset() { peak = live; }

}  // namespace mqttlab::testing
