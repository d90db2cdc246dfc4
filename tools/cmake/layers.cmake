# Layers. tg_layer(<folder> LEVEL n [HOT a.c ...] [COLD b.c ...] [USES tgdep_x ...])
#
# makes two static libraries of one folder:
#   tg_<name>_hot  code that runs on pinned lanes: no allocation, no system call; its undefined symbols
#                  are held against tools/dev.d/hot-symbols.allow
#   tg_<name>      everything else of the folder, linking the hot part
# <name> is the folder's last component (engine/base -> base). The compile line of a layer gets one include
# root, build/include/<name>, with links to the folders of all layers with a lower LEVEL and its own: an
# include that points up or sideways does not compile.
set_property(GLOBAL PROPERTY TG_LAYER_DIRS "")

set(TG_LAYER_TABLE # folder:level, the one list of what lies above what
  engine/base:0
  engine/msg:1 engine/conf:1
  codecs:2 net:2 risk:2
  engine/market:3 engine/venue:3
  engine/strategy:4
  engine/core:5 engine/cold:5
  engine/run:6)
# peers of one level that may see each other, one direction: user<used
set(TG_LAYER_PEERS engine/conf<engine/msg)

function(tg_layer_level folder out)
  foreach(row IN LISTS TG_LAYER_TABLE)
    string(REPLACE ":" ";" row "${row}")
    list(GET row 0 dir)
    list(GET row 1 level)
    if(dir STREQUAL folder)
      set(${out} ${level} PARENT_SCOPE)
      return()
    endif()
  endforeach()
  message(FATAL_ERROR "folder ${folder} has no level in TG_LAYER_TABLE")
endfunction()

# Include root for code of `folder` (a layer), made of links.
function(tg_layer_include folder out)
  tg_layer_level(${folder} own)
  string(REPLACE "/" "_" slug ${folder})
  set(root ${CMAKE_BINARY_DIR}/include/${slug})
  file(MAKE_DIRECTORY ${root}/engine)
  foreach(row IN LISTS TG_LAYER_TABLE)
    string(REPLACE ":" ";" row "${row}")
    list(GET row 0 dir)
    list(GET row 1 level)
    if(level LESS own OR dir STREQUAL folder OR "${folder}<${dir}" IN_LIST TG_LAYER_PEERS)
      file(CREATE_LINK ${CMAKE_SOURCE_DIR}/${dir} ${root}/${dir} SYMBOLIC)
    endif()
  endforeach()
  set(${out} ${root} PARENT_SCOPE)
endfunction()

function(tg_layer folder)
  cmake_parse_arguments(L "" "" "HOT;COLD;LINK;USES" ${ARGN})
  tg_layer_include(${folder} root)
  get_filename_component(name ${folder} NAME)
  set(dir ${CMAKE_SOURCE_DIR}/${folder})
  list(TRANSFORM L_HOT PREPEND ${dir}/)
  list(TRANSFORM L_COLD PREPEND ${dir}/)
  set(link "")
  foreach(dep IN LISTS L_LINK)
    list(APPEND link tg_${dep})
  endforeach()
  if(L_COLD)
    add_library(tg_${name} STATIC ${L_COLD})
    target_include_directories(tg_${name} PRIVATE ${root})
    target_link_libraries(tg_${name} PUBLIC ${link} ${L_USES})
  else()
    add_library(tg_${name} INTERFACE)
    target_link_libraries(tg_${name} INTERFACE ${link} ${L_USES})
  endif()
  if(L_HOT)
    add_library(tg_${name}_hot STATIC ${L_HOT})
    target_include_directories(tg_${name}_hot PRIVATE ${root})
    target_link_libraries(tg_${name}_hot PUBLIC ${link} ${L_USES})
    if(L_COLD)
      target_link_libraries(tg_${name} PUBLIC tg_${name}_hot)
    else()
      target_link_libraries(tg_${name} INTERFACE tg_${name}_hot)
    endif()
    set_property(GLOBAL APPEND PROPERTY TG_HOT_LIBS tg_${name}_hot)
  endif()
endfunction()
