skip-to-content = Skip to content
menu = Categories
menu-all = All categories
theme-toggle = Switch between light and dark mode
footer-note = Quiet things, made to be used.
footer-open = { $shop } is free software under MIT or Apache-2.0.
account = Your account
footer-menu = Help and information
info-shipping = Shipping information
info-returns = Returns
info-terms = Terms
info-privacy = Privacy
info-contact = Contact us
breadcrumbs = Breadcrumb
home = Home

home-title = { $shop } — quiet things for the home
home-description = Tableware, lighting, furniture and textiles that are made to be used every day.
home-heading = Things that last, for every day
home-lead = Tableware, lighting and textiles from small workshops. Chosen with care, made to be used.
home-browse = Shop { $name }
home-categories = Shop by category
home-hot = Bestsellers
home-new = New arrivals

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
list-empty = No products match your filters.
list-empty-clear = Show all products in { $name }
list-previous = Previous page
list-next = Next page
list-pages = Pagination

filter-heading = Filter and sort
filter-brand = Brand
filter-price = Price ({ $currency })
filter-min = From
filter-max = To
filter-price-wrong = Enter a price, such as 20 or 19.90.
filter-range-wrong = The lowest price must not be above the highest.
filter-availability = Availability
filter-apply = Show results
filter-apply-count = { $count ->
    [0] No matching products
    [one] Show one product
   *[other] Show { $count } products
}
filter-clear = Clear all
filter-active = Active filters
filter-remove = Remove filter { $name }
filter-from = From { $price }
filter-to = Up to { $price }
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
search-corrected = No exact matches. Showing results for “{ $meant }”.
search-category = Shop all { $name }
search-all = Show all results
search-begin = What are you looking for? Search above or browse our categories.
search-nothing = No products found. Here is what you can try:
search-hint-spelling = Check the spelling.
search-hint-fewer = Use fewer or shorter words.
search-hint-other = Try a different word for the same thing.
search-browse = Browse by category

availability-in_stock = In stock
availability-low = Only a few left
availability-backorder = Ships when back in stock
availability-out = Sold out

price-from = From { $price }
price-before = Regular price: { $price }
price-less = Save { $percent }%
product-by = by { $brand }
product-facts = Details
product-related = You may also like
product-pictures = Product images
product-picture = Image { $number } of { $count }
product-sku = Item number
product-tags = Tags
variant-with = only with { $values }
variant-changed = { $option } is now { $value }.

error-404-title = Page not found
error-404-text = The page may have moved, or the link may be wrong.
error-503-title = We will be right back
error-503-text = The shop is temporarily unavailable. Please try again in a moment.
error-other-title = Something went wrong
error-other-text = The problem is on our side. Please try again in a moment.
error-400-title = We could not process your request
error-400-text = Something in the address or the form is not valid. Please go back and try again.
error-id = If you contact us, please quote this reference: { $id }
error-home = Go to the homepage
