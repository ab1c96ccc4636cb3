// What every page loads. Scripts only enhance: each page can be read and bought from before any of
// them arrives.
import "./theme.js";
import "./images.js";
import "./connection.js";
import "./variants.js";
import "./lists.js";
import "./cart.js";
import "./forms.js";
import "./suggestions.js";
import "./islands.js";
