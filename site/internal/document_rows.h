#pragma once

#include "site/document.h"

/// Rows behind site/document.h.
namespace neph::site {

/// Takes the next id.
DocumentId insert_document(db::Txn& txn, const Document& document);
void save_document(db::Txn& txn, const Document& document);

}  // namespace neph::site
