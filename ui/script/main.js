// What every page loads. All of it comes on top: each page can be read and bought from before any of
// it arrives.
import "./theme.js";
import "./pictures.js";
import "./connection.js";
import "./variants.js";
import "./lists.js";
import "./cart.js";
import "./forms.js";
import "./suggestions.js";
import "./islands.js";
