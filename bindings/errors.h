// Errors: C++ exceptions as the package's own, so that Python sees one family of them.
#pragma once

#include <pybind11/pybind11.h>

namespace mqttlab::bindings {

/// Wrong arguments (std::invalid_argument) become mqttlab.UsageError, other misuse
/// (std::logic_error) and what the machine refuses (std::runtime_error) mqttlab.Error. The rest is
/// pybind11's.
inline void translate_errors() {
  pybind11::register_local_exception_translator([](std::exception_ptr pointer) {
    const auto raise = [](const char* type, const std::exception& error) {
      const auto errors = pybind11::module_::import("mqttlab.errors");
      pybind11::set_error(errors.attr(type), error.what());
    };
    try {
      if (pointer) std::rethrow_exception(pointer);
    } catch (const std::invalid_argument& error) {
      raise("UsageError", error);
    } catch (const pybind11::builtin_exception&) {
      throw;
    } catch (const std::logic_error& error) {
      raise("Error", error);
    } catch (const std::runtime_error& error) {
      raise("Error", error);
    }
  });
}

}  // namespace mqttlab::bindings
