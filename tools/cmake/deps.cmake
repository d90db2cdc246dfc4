# The named Debian packages, each as one imported target tgdep_<name>.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

function(tg_pkg name module)
  pkg_check_modules(TGPKG_${name} REQUIRED IMPORTED_TARGET ${module})
  add_library(tgdep_${name} INTERFACE)
  target_link_libraries(tgdep_${name} INTERFACE PkgConfig::TGPKG_${name})
endfunction()
tg_pkg(inih inih)
tg_pkg(sqlite sqlite3)
tg_pkg(microhttpd libmicrohttpd)
tg_pkg(zstd libzstd)
tg_pkg(jansson jansson)
tg_pkg(seccomp libseccomp)
tg_pkg(jemalloc jemalloc)

# Debian's liburing.so 2.3 lacks symbols that its header declares: link the archive.
find_library(TG_URING_A liburing.a REQUIRED)
add_library(tgdep_uring INTERFACE)
target_link_libraries(tgdep_uring INTERFACE ${TG_URING_A})

# BoringSSL from android-libboringssl-dev. Its symbols clash with OpenSSL's: nothing in a process that
# links this may load libssl.so.3 or libcrypto.so.3 (tests: link this before Criterion).
find_path(TG_BSSL_INCLUDE openssl/aead.h PATHS /usr/include/android NO_DEFAULT_PATH REQUIRED)
find_library(TG_BSSL_SSL NAMES libssl.so PATHS /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/android NO_DEFAULT_PATH REQUIRED)
find_library(TG_BSSL_CRYPTO NAMES libcrypto.so PATHS /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/android NO_DEFAULT_PATH REQUIRED)
get_filename_component(TG_BSSL_DIR ${TG_BSSL_SSL} DIRECTORY)
add_library(tgdep_boringssl INTERFACE)
target_include_directories(tgdep_boringssl SYSTEM INTERFACE ${TG_BSSL_INCLUDE})
target_link_libraries(tgdep_boringssl INTERFACE ${TG_BSSL_SSL} ${TG_BSSL_CRYPTO})
target_link_options(tgdep_boringssl INTERFACE -Wl,-rpath,${TG_BSSL_DIR})

if(TG_TESTS)
  tg_pkg(criterion criterion)
endif()
