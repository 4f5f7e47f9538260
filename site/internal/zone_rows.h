#pragma once

#include "site/zone.h"

/// The row behind site/zone.h.
namespace neph::site {

void save_zone(db::Txn& txn, const Zone& zone);

}  // namespace neph::site
