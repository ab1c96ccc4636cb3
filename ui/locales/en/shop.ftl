skip-to-content = Skip to the content
menu = Categories
menu-all = All categories
theme-toggle = Switch between light and dark
footer-note = Quiet things, made to be used.
footer-open = { $shop } is free software under MIT or Apache-2.0.
account = Your account
footer-menu = More
info-shipping = Shipping
info-returns = Returns
info-terms = Terms
info-privacy = Privacy
info-contact = Contact
breadcrumbs = Where you are
home = Home

home-title = { $shop } — quiet things for the home
home-description = Tableware, lighting, furniture and textiles that are made to be used every day.
home-heading = Things that last, for every day
home-lead = Tableware, light and cloth from small workshops. Chosen slowly, made to be used.
home-browse = Look around
home-categories = Categories
home-hot = Most loved
home-new = Just arrived

day = { $day } { $month ->
    [1] January
    [2] February
    [3] March
    [4] April
    [5] May
    [6] June
    [7] July
    [8] August
    [9] September
    [10] October
    [11] November
   *[12] December
} { $year }
product-count = { $count ->
    [0] No products
    [one] One product
   *[other] { $count } products
}
category-description = { $name } at { $shop }: { $count ->
    [one] one product
   *[other] { $count } products
} to choose from.
list-heading = Products
list-empty = Nothing here fits what you asked for.
list-empty-clear = Show everything in { $name }
list-previous = Previous page
list-next = Next page
list-pages = Pages

filter-heading = Filter and sort
filter-brand = Brand
filter-price = Price in { $currency }
filter-min = From
filter-max = To
filter-price-wrong = Please enter a price such as 20 or 19.90.
filter-range-wrong = The lowest price is above the highest.
filter-availability = Availability
filter-apply = Show results
filter-apply-count = { $count ->
    [0] Nothing fits
    [one] Show one product
   *[other] Show { $count } products
}
filter-clear = Clear all
filter-active = Chosen filters
filter-remove = Remove { $name }
filter-from = from { $price }
filter-to = up to { $price }
sort-label = Sort by
sort-best-match = Best match
sort-newest = Newest
sort-price_up = Price, low to high
sort-price_down = Price, high to low
sort-best_selling = Best selling

search-label = Search the shop
search-placeholder = Search
search-submit = Search
search-title = Search
search-description = Search for products by name, brand or item number.
search-heading = Results for “{ $q }”
search-more-than = More than { $count } products
search-corrected = Nothing is written like that. These are results for “{ $meant }”.
search-category = Everything in { $name }
search-all = Show all results
search-begin = What are you looking for? Type it above, or look around.
search-nothing = Nothing was found. Perhaps one of these helps:
search-hint-spelling = Check the spelling.
search-hint-fewer = Use fewer words, or shorter ones.
search-hint-other = Try another word for the same thing.
search-browse = Look around by category

availability-in_stock = In stock
availability-low = Only a few left
availability-backorder = Ships when it is back
availability-out = Sold out

price-from = from { $price }
price-before = Before: { $price }
price-less = { $percent } % less
product-by = by { $brand }
product-facts = Details
product-related = You may also like
product-pictures = Pictures
product-picture = Picture { $number } of { $count }
product-sku = Item number
product-tags = Tags
variant-with = only with { $values }
variant-changed = { $option } is now { $value }.

error-404-title = There is nothing here
error-404-text = This address leads nowhere. The thing may have moved, or the link has a slip in it.
error-503-title = We will be right back
error-503-text = The shop cannot answer just now. Please try again in a moment.
error-other-title = Something went wrong
error-other-text = That did not work, and it is not your fault. Please try again.
error-400-title = That was not understood
error-400-text = The address or the form was not what the shop expected.
error-id = If you write to us, this number helps: { $id }
error-home = To the front page
