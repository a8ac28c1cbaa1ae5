#include "protocol/transport/seeded_crypto.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rand.h>

#include <limits>
#include <stdexcept>
#include <string>

#include "protocol/session/random.h"

namespace mqttlab {
namespace {

// OpenSSL's own generators stir in time, process id and addresses whatever their seed is, so the
// generator itself is replaced: a provider with one algorithm, of which OpenSSL makes three.
constexpr const char* provider_name = "mqttlab-seeded";
constexpr const char* generator_name = "MQTTLAB-SEEDED";

struct Source {
  std::uint64_t seed = 0;
  unsigned generators = 0;
};

void* new_generator(void* provider, void*, const OSSL_DISPATCH*) {
  auto& source = *static_cast<Source*>(provider);
  return new Random(source.seed, "tls/" + std::to_string(source.generators++));
}
void free_generator(void* generator) { delete static_cast<Random*>(generator); }

int instantiate(void*, unsigned, int, const unsigned char*, std::size_t, const OSSL_PARAM*) {
  return 1;
}
int uninstantiate(void*) { return 1; }
int enable_locking(void*) { return 1; }  // a simulation has one thread

int generate(void* generator, unsigned char* out, std::size_t size, unsigned, int,
             const unsigned char*, std::size_t) {
  auto& random = *static_cast<Random*>(generator);
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < size; ++i, word >>= 8) {
    if (i % 8 == 0) word = random.next();
    out[i] = static_cast<unsigned char>(word);
  }
  return 1;
}

int get_parameters(void*, OSSL_PARAM* wanted) {
  OSSL_PARAM* const state = OSSL_PARAM_locate(wanted, OSSL_RAND_PARAM_STATE);
  OSSL_PARAM* const strength = OSSL_PARAM_locate(wanted, OSSL_RAND_PARAM_STRENGTH);
  OSSL_PARAM* const most = OSSL_PARAM_locate(wanted, OSSL_RAND_PARAM_MAX_REQUEST);
  return (!state || OSSL_PARAM_set_int(state, EVP_RAND_STATE_READY)) &&
         (!strength || OSSL_PARAM_set_uint(strength, 256)) &&
         (!most || OSSL_PARAM_set_size_t(most, std::numeric_limits<int>::max()));
}

const OSSL_PARAM* gettable_parameters(void*, void*) {
  static const OSSL_PARAM known[] = {OSSL_PARAM_int(OSSL_RAND_PARAM_STATE, nullptr),
                                     OSSL_PARAM_uint(OSSL_RAND_PARAM_STRENGTH, nullptr),
                                     OSSL_PARAM_size_t(OSSL_RAND_PARAM_MAX_REQUEST, nullptr),
                                     OSSL_PARAM_END};
  return known;
}

using Function = void (*)();
template <typename F>
Function as_function(F* function) {
  return reinterpret_cast<Function>(function);
}

const OSSL_ALGORITHM* query(void*, int operation, int* no_cache) {
  static const OSSL_DISPATCH functions[] = {
      {OSSL_FUNC_RAND_NEWCTX, as_function(new_generator)},
      {OSSL_FUNC_RAND_FREECTX, as_function(free_generator)},
      {OSSL_FUNC_RAND_INSTANTIATE, as_function(instantiate)},
      {OSSL_FUNC_RAND_UNINSTANTIATE, as_function(uninstantiate)},
      {OSSL_FUNC_RAND_GENERATE, as_function(generate)},
      {OSSL_FUNC_RAND_ENABLE_LOCKING, as_function(enable_locking)},
      {OSSL_FUNC_RAND_GETTABLE_CTX_PARAMS, as_function(gettable_parameters)},
      {OSSL_FUNC_RAND_GET_CTX_PARAMS, as_function(get_parameters)},
      {0, nullptr}};
  static const OSSL_ALGORITHM generators[] = {
      {generator_name, "provider=mqttlab-seeded", functions, nullptr},
      {nullptr, nullptr, nullptr, nullptr}};
  *no_cache = 0;
  return operation == OSSL_OP_RAND ? generators : nullptr;
}

void tear_down(void* provider) { delete static_cast<Source*>(provider); }

int initialise(const OSSL_CORE_HANDLE*, const OSSL_DISPATCH*, const OSSL_DISPATCH** offered,
               void** provider) {
  static const OSSL_DISPATCH functions[] = {
      {OSSL_FUNC_PROVIDER_TEARDOWN, as_function(tear_down)},
      {OSSL_FUNC_PROVIDER_QUERY_OPERATION, as_function(query)},
      {0, nullptr}};
  *offered = functions;
  *provider = new Source;
  return 1;
}

}  // namespace

void SeededCrypto::Unload::operator()(OSSL_PROVIDER* provider) const {
  OSSL_PROVIDER_unload(provider);
}
void SeededCrypto::Unload::operator()(OSSL_LIB_CTX* library) const { OSSL_LIB_CTX_free(library); }

SeededCrypto::SeededCrypto(std::uint64_t seed) : library_(OSSL_LIB_CTX_new()) {
  const auto require = [](bool done) {
    if (!done) throw std::runtime_error("SeededCrypto: OpenSSL lacks its default provider");
  };
  require(library_ != nullptr);
  require(OSSL_PROVIDER_add_builtin(library_.get(), provider_name, initialise) == 1);
  generators_.reset(OSSL_PROVIDER_load(library_.get(), provider_name));
  algorithms_.reset(OSSL_PROVIDER_load(library_.get(), "default"));
  require(generators_ && algorithms_);
  static_cast<Source*>(OSSL_PROVIDER_get0_provider_ctx(generators_.get()))->seed = seed;
  require(RAND_set_DRBG_type(library_.get(), generator_name, nullptr, nullptr, nullptr) == 1);
  unsigned char probe = 0;  // the generators begin here, in an order of their own
  require(RAND_bytes_ex(library_.get(), &probe, 1, 0) == 1 &&
          RAND_priv_bytes_ex(library_.get(), &probe, 1, 0) == 1);
}

}  // namespace mqttlab
