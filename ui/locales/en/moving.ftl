moving-failed = Something went wrong and nothing has changed. Please try again.
moving-lost = The shop cannot be reached. This page stays as it is while we try again.
moving-back = You are connected to the shop again.
moving-suggestions = Suggestions: #. Use the arrow keys to choose.
drawer-close = Close
drawer-cart = View cart
drawer-adding = Adding…
cart-said = { $items } in your cart, total { $total }.
cart-less = Decrease quantity of { $name }
cart-more = Increase quantity of { $name }
list-shown = { $count ->
    [0] No matching products.
    [one] One product shown.
   *[other] { $count } products shown.
}
